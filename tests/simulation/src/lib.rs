//! Strait in virtual time.
//!
//! The real gateway, media plane, link, rings, slot table and workers stand in a simulated world:
//! links, NATs, telephones, softswitches and strangers, all of `strait-parties`, and faults. One
//! seed decides everything, the faults that are on included. Time jumps to the next instant at
//! which something is due. After every step the checkers look.
//!
//! * [`plan`]: what a world is like, [`stage`]: the world built, [`configuration`]: Strait's in it
//! * [`strait`], [`dataplane`], [`frames`], [`clock`]: Strait's two processes as one host
//! * [`people`], `wire`, [`stranger`], [`intruder`], [`rogue`], `mutilation`, `customers`,
//!   [`controlled`]: who is there
//! * [`drive`], `asides`, `elsewhere`, [`faults`]: what they do, what goes wrong
//! * [`checks`], [`remains`], [`allocation`]: what must hold; [`canary`]: planted faults
//! * [`run`]: one world from beginning to end; [`figures`]: many; [`dump`]: the tables of one that
//!   failed

#![deny(unsafe_code)]

pub mod allocation;
mod asides;
pub mod canary;
pub mod checks;
pub mod clock;
pub mod configuration;
pub mod controlled;
mod customers;
pub mod dataplane;
pub mod drive;
pub mod dump;
mod elsewhere;
pub mod faults;
pub mod figures;
pub mod frames;
pub mod intruder;
mod mutilation;
pub mod people;
pub mod plan;
mod remains;
pub mod rogue;
pub mod run;
pub mod stage;
pub mod strait;
pub mod stranger;
mod wire;
