//! The gateway as a SIP server, from outside: who registers, who is found, and which IP version a
//! call is steered to.

mod callers;
mod calls;
mod domains;
mod figures;
mod matrix;
mod network;
mod registering;
mod ringing;
mod scene;
