//! What every store must do, whichever database is behind it.
//!
//! Each promise is one function over a [`Rig`]; [`contract!`] makes tests of them all. A new kind of
//! store brings a rig and one line.

mod callbacks;
mod calls;
mod events;
mod marks;
mod outbox;
mod pages;
pub(crate) mod sample;
mod sessions;

pub(crate) use callbacks::*;
pub(crate) use calls::*;
pub(crate) use events::*;
pub(crate) use marks::*;
pub(crate) use outbox::*;
pub(crate) use pages::*;
pub(crate) use sessions::*;

use std::ops::Deref;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// One database, empty at first, that can be opened again and again.
pub(crate) trait Rig {
    /// Opens it.
    async fn open(&self) -> Opened;
}

/// A store in use.
pub(crate) struct Opened {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) stop: CancellationToken,
    pub(crate) driver: JoinHandle<()>,
}

impl Opened {
    /// As a process that ends in order.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        drop(self.store);
        self.driver.await.expect("the store's driver panicked");
    }
}

impl Deref for Opened {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.store
    }
}

/// Tests of the whole contract, for the rig that an expression makes.
macro_rules! contract {
    ($rig:expr) => {
        $crate::store::contract::contract! { $rig;
            a_batch_is_written_whole_or_not_at_all
            a_call_reads_back_as_it_was_written
            a_later_snapshot_takes_the_place_of_the_journal_and_leaves_the_request
            a_call_that_is_over_keeps_its_verdict
            a_journal_never_goes_back
            a_call_of_another_tenant_is_not_there
            the_same_batch_again_changes_nothing
            another_entry_under_the_same_number_is_a_conflict
            calls_are_listed_by_age_and_by_being_alive
            calls_abroad_are_listed_apart
            calls_are_listed_page_by_page
            calls_are_listed_by_whatever_a_filter_names
            a_bad_batch_does_not_fail_the_others
            a_thousand_commits_at_once_all_arrive
            a_caller_that_stops_waiting_leaves_no_half
            what_was_written_is_there_after_a_restart
            tenants_are_replaced_and_kept_apart
            a_ping_is_answered
            events_are_read_in_the_order_in_which_they_were_written
            an_event_told_twice_is_there_once
            events_are_those_of_a_tenant_or_of_an_agent
            events_can_be_read_on_from_any_number_a_few_at_a_time
            a_key_stands_for_its_call_under_its_own_credential
            a_key_may_stand_for_a_call_that_another_click_placed
            a_key_of_old_is_forgotten
            a_claim_is_held_until_its_lease_is_over
            rows_of_one_call_to_one_endpoint_go_out_in_order
            a_receiver_that_is_away_does_not_hold_back_another_of_the_same_call
            a_callback_rendered_twice_is_owed_once
            an_attempt_settles_its_callback
            a_callback_that_is_not_owed_cannot_be_settled
            what_is_released_is_due_at_once_and_counts_no_attempt
            claims_take_turns_between_endpoints
            an_endpoint_without_room_is_left_out
            the_next_due_moment_minds_retries_and_leases
            the_outbox_counts_what_is_owed_and_what_is_given_up
            callbacks_are_listed_newest_first_and_page_by_page
            callbacks_are_listed_by_tenant_state_call_and_kind
            a_callback_is_shown_with_its_attempts_and_to_its_tenant_alone
            a_callback_owed_anew_goes_out_in_the_same_words_with_all_attempts_ahead_of_it
            a_callback_that_is_still_owed_becomes_due_and_stays_with_whoever_is_sending_it
            a_callback_owed_anew_is_as_old_as_its_replay
            nobody_replays_what_is_another_tenants
            a_callback_may_belong_to_no_call
            a_session_is_found_by_either_of_its_tokens_until_it_ends
            opening_a_session_forgets_those_that_have_expired
        }
    };
    ($rig:expr; $($promise:ident)*) => {
        $(
            #[tokio::test]
            async fn $promise() {
                $crate::store::contract::$promise(&$rig).await;
            }
        )*
    };
}
pub(crate) use contract;
