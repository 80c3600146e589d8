//! dialbridge is a daemon beside Asterisk that turns a click in any CRM into a real two-leg call, keeps
//! hold of it whatever happens, and tells the CRM truthfully how it ended.
//!
//! This page is the architecture. It says how the house is cut and follows one call through it; each
//! module's own page says the rest.
//!
//! # The rings
//!
//! ```text
//!         pure: no runtime, no clock, no I/O               |   adapters: asynchronous
//!                                                           |
//!   call         one call: event -> commands, deadline()    |   asterisk    ARI and AMI links  <-> notices, actions
//!   switchboard  many calls, deadlines, id routing          | < http        doors, native API   -> orders
//!   dial         numbers, endpoints, routes, policy         |   store       SQLite             <-> batches
//!   report       user data, tokens -> callbacks             |   callback    outbox worker, client, address guard
//!   device, link, ledger, timestamp: the words between      |   engine      the loop that joins both sides
//! ```
//!
//! Adapters depend on the pure side, never the reverse, and never on one another: what one needs of
//! another comes in as a port (a bounded channel, a trait, a closure) from the composition root.
//! Because nothing pure reads a clock or sends a byte, every rule about calls is tested in simulated
//! time, with any interleaving of events, a hundred thousand of them in seconds.
//!
//! # The two machines
//!
//! A [`call::Call`] is a total function: an event comes in, commands come out, nothing can fail. What
//! Asterisk refuses is an event like any other. Each state owns the facts that are true in it, and
//! `Clearing` is a state: a call has ended when its lines are free, so *ended* implies that no channel
//! is left, unless Asterisk could not be told for fifteen seconds: then the next census sweeps it.
//! A call has one deadline, derived from its state; there are no timers to cancel.
//!
//! The [`switchboard::Switchboard`] owns all calls and routes by id. Ids of channels and bridges are
//! made from the call's id and the leg, and parse back ([`asterisk`]), so there is no table to lose: a
//! restarted daemon needs its journal and Asterisk's own lists, nothing else.
//!
//! # One call, end to end
//!
//! ```text
//!  1  a door         reads its dialect into one Click; credential, number, destination, caller id, route,
//!                    do-not-call, device: what is refused is refused here, with the reason
//!  2  engine inbox   the order, with a reply to come. A full inbox is a refusal, never a wait
//!  3  switchboard    the same click again is the first one's call; limits; then a call: create leg A
//!  4  store          one transaction: snapshot, ledger, audit
//!  5  the door       answers with the call's id; it has not waited for Asterisk
//!  6  Asterisk       gets the bridge and A's channel, under ids that were stored before
//!  7  A enters       and only then is joined and dialled; it rings
//!  8  A answers      create leg B; B enters, is joined and dialled; A hears ringback, or what the
//!                    network itself says
//!  9  B answers      both talk; the limit of the call's duration starts
//! 10  one hangs up   the other is hung up: Clearing
//! 11  both are gone  the bridge is deleted; verdict, ledger and callbacks rendered to the last byte stand
//!                    in one transaction
//! 12  wrap-up        where the call was for a queue with codes: the agent chooses, writes notes, or lets
//!                    the time run out; then the callback that tells of it is rendered
//! 13  the worker     leases the callback, signs it, sends it, and settles it; what fails is tried again
//!                    for three days, in the same words under the same id
//! ```
//!
//! What changes in a call is an event besides, written in the same transaction: whoever follows the stream
//! reads it from the store, so nobody is too slow, and nothing is missed. And what must be so at Asterisk as
//! long as something is so here (an agent paused in a queue) is no command at all: the switchboard derives
//! it from its calls, and the link makes it so, again and again.
//!
//! Each line goes one way. The door never waits for Asterisk, the engine never waits for a callback, the
//! worker never reads a call.
//!
//! # When things break
//!
//! | what | then |
//! |---|---|
//! | this process is killed | people go on talking: Asterisk holds the channels. The next process reads the journal, asks Asterisk what there is, and goes on, timers included |
//! | and nobody starts it again | a dead-man timer on each leg, kept by Asterisk, ends the call |
//! | Asterisk restarts | its `startup_time` differs: all calls of its old life end with `pbx_restart`, callbacks included |
//! | a link falls silent | found within seconds by our own pings; clicks are refused meanwhile, not lost |
//! | events are lost | a census every 15 s and after each connect says what there is: the difference becomes ordinary events |
//! | the store takes no writes | clicks are refused; commands that *end* something go ahead after two seconds; those that *start* something wait without exception |
//! | a CRM is down | its callbacks wait in the outbox; others are not delayed |
//!
//! # Where to begin reading
//!
//! [`call`], then [`switchboard`], then [`engine`]; then a door ([`http`]) and a link ([`asterisk`]).

pub mod asterisk;
pub mod call;
pub mod callback;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod device;
pub mod dial;
pub mod directory;
pub mod editor;
pub mod engine;
pub mod http;
pub mod ledger;
pub mod link;
pub mod metrics;
pub mod report;
pub mod store;
pub mod switchboard;
pub mod systemd;
pub mod telemetry;
pub mod timestamp;
