//! The resolver against a real server of the DNS, over loopback: two domains, servers that fail,
//! are silent, lie and lead in circles.

mod circles;
mod keeping;
mod places;
mod stage;
mod trouble;
