//! The AMI link: states of phones.
