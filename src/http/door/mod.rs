//! One file per door: a dialect's request becomes a click, what became of it becomes the dialect's answer.

pub(super) mod eightbyeight;
pub(super) mod getdesk;
pub(super) mod params;
pub(super) mod voicenter;
