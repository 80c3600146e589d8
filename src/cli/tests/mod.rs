//! The command line against a daemon that answers as ours does.

mod answers;
mod links;
mod orders;
mod reference;
mod rig;
mod streams;
