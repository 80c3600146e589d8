//! One call: a pure state machine from events to commands.

mod command;
mod disposition;
mod event;
mod id;
mod request;
mod state;

pub use command::{Command, Order};
pub use disposition::{EndBy, EndReason, Status};
pub use event::{Cause, DialEnd, Event, Gone, LineEvent, RecordingEvent};
pub use id::{CallId, NotACallId};
pub use request::{AgentRef, CallRequest, Identity, Leg, LegPlan, ReportPlan};
pub use state::{Journal, LegRecord, LegStatus, Phase, Recording, Times, Verdict};
