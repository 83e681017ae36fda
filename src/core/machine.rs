//! The state, and the one door to it: [`Core::handle`].

use super::activity::UserActivity;
use super::change::Change;
use super::check::Check;
use super::commits::{Commits, Owner};
use super::creation::Creation;
use super::documents::Documents;
use super::effect::{Effect, LockName, Output, Role, Timer, Warning};
use super::error::{Code, Reason, SdkError};
use super::event::{Call, CallId, Entropy, Event, Input, LoadOutcome, LockOutcome, Ticket, Topic};
use super::follow::Follow;
use super::link::Link;
use super::options::{StorageChoice, Tried};
use super::platform_url::PlatformUrl;
use super::queue::{QueueState, Waiting};
use super::record::{Record, Stamp};
use super::recording::Recording;
use super::refresh::Refresh;
use super::reset::Reset;
use super::settings::Settings;
use super::status::SdkStatus;
use super::surroundings::Surroundings;
use super::trips::Trips;
use super::upload_schedule::Uploads;
use sentiance_protocol::EpochMs;

/// How many calls may wait for the storage to be read.
const MAX_WAITING_CALLS: usize = 1_000;
/// How long calls wait for a look at the stored record: a storage that is slower is not asked what it holds, but told.
const LOOK_MS: f64 = 1_000.0;
const NEWER: &str = "a newer version of the SDK wrote it. Reload the page to get that version, or call reset to remove \
                     its user.";

/// Whether the SDK is initialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InitState {
    /// Nothing has happened yet.
    NotInitialized,
    /// The storage is being read.
    InitInProgress,
    /// Ready.
    Initialized,
    /// A reset is in progress.
    Resetting,
}

impl InitState {
    /// The name that JavaScript sees.
    pub const fn as_str(self) -> &'static str {
        match self {
            InitState::NotInitialized => "NOT_INITIALIZED",
            InitState::InitInProgress => "INIT_IN_PROGRESS",
            InitState::Initialized => "INITIALIZED",
            InitState::Resetting => "RESETTING",
        }
    }
}

/// How far the initialization is.
#[derive(Debug)]
enum Phase {
    Cold,
    Loading { ticket: Ticket, waiting: Vec<(CallId, Call)> },
    Ready,
}

/// The SDK of one tab.
#[derive(Debug)]
pub struct Core {
    pub(super) settings: Settings,
    /// The platform that `initialize` named.
    pub(super) platform_url: Option<PlatformUrl>,
    /// The storage in use.
    pub(super) storage: StorageChoice,
    /// The options that took effect and are not judged yet.
    pub(super) tried: Option<Tried>,
    phase: Phase,
    /// The state of the device, as this tab knows it.
    pub(super) record: Record,
    /// What the storage held when it was last seen.
    pub(super) base: Stamp,
    /// Whether `record` holds something that could not be stored.
    pub(super) unsaved: bool,
    pub(super) commits: Commits,
    pub(super) creation: Option<Creation>,
    pub(super) refresh: Option<Refresh>,
    /// The lock of a refresh that has succeeded, until the other tabs have seen it.
    pub(super) refresh_lock: Option<LockName>,
    pub(super) reset: Option<Reset>,
    /// The removal of the record that is under way, and whose reset it is.
    pub(super) removal: Option<(Ticket, CallId)>,
    pub(super) check: Check,
    pub(super) follow: Follow,
    pub(super) link: Option<Link>,
    pub(super) recording: Recording,
    pub(super) trips: Trips,
    pub(super) documents: Documents,
    pub(super) uploads: Uploads,
    pub(super) surroundings: Surroundings,
    /// What the queue holds, as far as this tab knows.
    pub(super) queue: QueueState,
    /// Whether the queue last refused to take something.
    pub(super) queue_refused: bool,
    /// What is being added to the queue, and who waits for it.
    pub(super) additions: Vec<(Ticket, Option<Waiting>)>,
    /// The jobs whose claim a store could not accept, while the record is asked.
    pub(super) superseded: Vec<(u32, Box<Effect>)>,
    /// The stores that are being cleared.
    pub(super) clearing: Vec<Ticket>,
    /// The calls that wait until the stored record was looked at.
    look: Option<Vec<(CallId, Call)>>,
    /// Whether a later version of the SDK wrote the record: nothing is possible but a reset.
    pub(super) is_newer: bool,
    /// The install whose user this tab has seen last.
    install_id: Option<String>,
    reload: Option<Ticket>,
    reload_again: bool,
    /// The status that the listeners know, once there is one.
    told: Option<SdkStatus>,
    /// The activity that the listeners know.
    told_activity: UserActivity,
    last_ticket: u32,
    // Of this step:
    pub(super) now: EpochMs,
    pub(super) entropy: Option<Entropy>,
    effects: Vec<Effect>,
}

impl Core {
    /// A tab in which nothing has happened yet.
    pub fn new(settings: Settings) -> Self {
        let record = Record::empty();
        Core {
            told: None,
            settings,
            platform_url: None,
            storage: StorageChoice::default(),
            tried: None,
            phase: Phase::Cold,
            base: record.stamp(),
            record,
            unsaved: false,
            commits: Commits::default(),
            creation: None,
            refresh: None,
            refresh_lock: None,
            reset: None,
            removal: None,
            check: Check::default(),
            follow: Follow::default(),
            link: None,
            recording: Recording::default(),
            trips: Trips::default(),
            documents: Documents::default(),
            uploads: Uploads::default(),
            surroundings: Surroundings::NOTHING,
            queue: QueueState::default(),
            queue_refused: false,
            additions: Vec::new(),
            superseded: Vec::new(),
            clearing: Vec::new(),
            look: None,
            is_newer: false,
            install_id: None,
            told_activity: UserActivity::Unknown,
            reload: None,
            reload_again: false,
            last_ticket: 0,
            now: EpochMs(0.0),
            entropy: None,
            effects: Vec::new(),
        }
    }

    /// Takes one step, and returns what the driver shall do, in this order.
    pub fn handle(&mut self, input: Input) -> Vec<Effect> {
        self.now = input.now;
        self.entropy = input.entropy;
        match input.event {
            Event::Call(id, call) => self.on_call(id, call),
            Event::Loaded(ticket, outcome) => self.on_loaded(ticket, outcome),
            Event::Committed(ticket, outcome) => self.on_committed(ticket, outcome),
            Event::Locked(ticket, outcome) => self.on_locked(ticket, outcome),
            Event::Responded(ticket, response) => {
                if let Ok(response) = &response {
                    self.count_transfer(response.bytes);
                }
                // At most one of them waits for this ticket.
                self.on_creation_response(ticket, &response);
                self.on_refresh_response(ticket, &response);
                self.on_check_response(ticket, &response);
                self.on_stream_ended(ticket, &response);
                self.on_link_response(ticket, &response);
                self.on_upload_response(ticket, &response);
            }
            Event::Streamed(ticket, reply) => self.on_streamed(ticket, &reply),
            Event::TimerFired(timer) => self.on_timer(timer),
            Event::RecordChanged => self.reload_record(),
            Event::Resumed => self.resume(),
            Event::Suspended => self.suspend(),
            Event::Visible(visible) => self.set_visible(visible),
            Event::Listening(Topic::Status, listening) => self.set_listening(listening),
            Event::Listening(Topic::TripTimeout, listening) => self.listen_trips(listening),
            Event::Listening(Topic::Activity, _) => {}
            Event::Surroundings(surroundings) => self.look(*surroundings),
            Event::Located(position, time) => self.located(position, time),
            Event::Unlocated => self.unlocated(),
            Event::Moved(motion) => self.moved(motion),
            Event::Leading(Role::Recording, _) => self.lead(),
            Event::Leading(Role::Following, extent) => self.may_follow(extent),
            Event::Queued(ticket, outcome) => self.on_queued(ticket, outcome),
            Event::Batch(ticket, outcome) => self.on_batch(ticket, outcome),
            Event::Edited(ticket, outcome) => self.on_edited(ticket, outcome),
            Event::Cleared(ticket, outcome) => self.on_cleared(ticket, outcome),
            Event::Superseded(epoch, job) => self.on_superseded(epoch, job),
            Event::Look => self.look_at_record(),
            Event::LinkerAnswered(ticket, outcome) => self.on_linker_answer(ticket, outcome),
        }
        if self.is_ready() {
            self.arrange_recording();
            self.arrange_following();
            self.arm_poll();
            self.tell_listeners();
        }
        std::mem::take(&mut self.effects)
    }

    /// Whether the SDK is initialized.
    pub fn init_state(&self) -> InitState {
        match self.phase {
            Phase::Cold => InitState::NotInitialized,
            Phase::Loading { .. } => InitState::InitInProgress,
            Phase::Ready if self.reset.is_some() => InitState::Resetting,
            Phase::Ready => InitState::Initialized,
        }
    }

    /// Whether what is stored was read.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// The state of the device, as this tab knows it.
    pub fn record(&self) -> &Record {
        &self.record
    }

    pub(super) fn emit(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(super) fn settle(&mut self, call: CallId, outcome: Result<Output, SdkError>) {
        self.emit(Effect::Settle(call, outcome));
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.last_ticket = self.last_ticket.wrapping_add(1);
        Ticket(self.last_ticket)
    }

    /// A number from 0 to 1 for this step; the middle, where the runtime has no randomness.
    pub(super) fn jitter(&self) -> f64 {
        self.entropy.as_ref().map_or(0.5, Entropy::fraction)
    }

    fn on_call(&mut self, id: CallId, call: Call) {
        // These two checks precede the guard, as in the original.
        let refused = match &call {
            Call::CreateUser(options, _) => options.validate().err(),
            Call::Initialize(options) => {
                let refused = options.platform_url.as_deref().and_then(|url| PlatformUrl::parse(url).err());
                refused.map(|why| SdkError::new(Code::Initialization, Reason::InvalidParams, why))
            }
            _ => None,
        };
        if let Some(error) = refused {
            return self.settle(id, Err(error));
        }
        match (&mut self.phase, call) {
            (Phase::Ready, call)
                if self.look.as_ref().is_some_and(|waiting| waiting.len() < MAX_WAITING_CALLS) =>
            {
                self.look.get_or_insert_default().push((id, call));
            }
            (_, Call::GetInitState) => {
                let state = self.init_state();
                self.settle(id, Ok(Output::InitState(state)));
            }
            (Phase::Ready, call) => self.run(id, call),
            (Phase::Loading { .. }, Call::Reset) => self.settle(
                id,
                Err(SdkError::passing(
                    Code::Reset,
                    Reason::SdkInitInProgress,
                    "The SDK is being initialized; call reset again when that is done.",
                )),
            ),
            (Phase::Loading { waiting, .. }, call) if waiting.len() < MAX_WAITING_CALLS => {
                waiting.push((id, call));
            }
            (Phase::Loading { .. }, _) => self.settle(id, Err(SdkError::not_initialized())),
            (Phase::Cold, Call::Initialize(options)) => {
                self.try_options(id, &options);
                self.load(vec![(id, Call::Initialize(options))]);
            }
            (Phase::Cold, call) => self.load(vec![(id, call)]),
        }
    }

    pub(super) fn load(&mut self, waiting: Vec<(CallId, Call)>) {
        let ticket = self.ticket();
        self.phase = Phase::Loading { ticket, waiting };
        self.emit(Effect::Load(ticket));
    }

    /// Reads the record again, since another tab may have changed it.
    pub(super) fn reload_record(&mut self) {
        if !self.is_ready() {
            return;
        }
        if self.reload.is_some() {
            self.reload_again = true;
            return;
        }
        let ticket = self.ticket();
        self.reload = Some(ticket);
        self.emit(Effect::Load(ticket));
    }

    /// The calls that follow wait until the stored record was read, or for a while.
    fn look_at_record(&mut self) {
        if self.is_ready() && self.look.is_none() {
            self.look = Some(Vec::new());
            self.emit(Effect::StartTimer(Timer::Look, LOOK_MS));
            if self.reload.is_none() {
                self.reload_record();
            }
        }
    }

    /// The record was read, or takes too long: the calls go on with what is known.
    fn looked(&mut self) {
        let Some(waiting) = self.look.take() else { return };
        self.emit(Effect::StopTimer(Timer::Look));
        self.run_all(waiting);
    }

    fn run_all(&mut self, calls: Vec<(CallId, Call)>) {
        for (id, call) in calls {
            // One of the calls may have chosen another storage: those behind it wait for that one.
            match &mut self.phase {
                Phase::Loading { waiting, .. } => waiting.push((id, call)),
                _ => self.run(id, call),
            }
        }
    }

    fn on_loaded(&mut self, ticket: Ticket, outcome: LoadOutcome) {
        let is_reload = self.reload == Some(ticket) || self.refresh_reads(ticket);
        let waiting = match &mut self.phase {
            Phase::Loading { ticket: expected, waiting } if *expected == ticket => {
                Some(std::mem::take(waiting))
            }
            _ if is_reload => None,
            _ => return,
        };
        let stored = match outcome {
            LoadOutcome::Found(stored) => Some(stored),
            LoadOutcome::Unreadable => {
                self.emit(Effect::Warn(Warning::record_unreadable()));
                Some(None)
            }
            LoadOutcome::Unavailable(why) => {
                self.emit(Effect::Warn(Warning::storage_unavailable(&why)));
                Some(None)
            }
            LoadOutcome::Newer => match waiting {
                Some(waiting) => return self.meet_newer(waiting),
                None => None,
            },
            LoadOutcome::Failed(why) => {
                if let Some(waiting) = waiting {
                    return self.give_up_loading(waiting, &why);
                }
                None
            }
        };
        let Some(waiting) = waiting else {
            let was_reload = self.reload.take_if(|reload| *reload == ticket).is_some();
            if let Some(stored) = stored {
                self.adopt(stored);
                self.next_commit();
            }
            if was_reload {
                self.looked();
            }
            if was_reload && std::mem::take(&mut self.reload_again) {
                self.reload_record();
            }
            return self.refresh_reread(ticket);
        };
        self.phase = Phase::Ready;
        self.adopt(stored.flatten());
        if self.told.is_none() {
            self.told = Some(self.status());
        }
        // A user's coming has had them read.
        if self.record.user.is_none() {
            self.clear_stores(false);
            self.read_documents();
        }
        self.run_all(waiting);
        if self.is_ready() {
            self.compare_platforms();
        }
        self.start_check();
    }

    /// A later version of the SDK wrote the record. A reset can replace it; all else is refused.
    fn meet_newer(&mut self, waiting: Vec<(CallId, Call)>) {
        for (id, call) in waiting {
            match call {
                Call::Reset => self.start_reset(id),
                call => self.give_up_loading(vec![(id, call)], NEWER),
            }
        }
        self.phase = Phase::Cold;
        self.is_newer = self.reset.is_some();
        if self.is_newer {
            self.phase = Phase::Ready;
            self.told = Some(self.status());
        }
    }

    /// The reset that was to replace such a record has ended without doing so.
    pub(super) fn leave_newer(&mut self) {
        if std::mem::take(&mut self.is_newer) {
            self.phase = Phase::Cold;
        }
    }

    /// The storage could not be read: the calls that waited for it fail, and the next one tries again.
    fn give_up_loading(&mut self, waiting: Vec<(CallId, Call)>, why: &str) {
        self.phase = Phase::Cold;
        for (id, call) in waiting {
            let (code, reason, text) = match call {
                Call::EnsureInitialized | Call::Initialize(_) => {
                    (Code::Initialization, Reason::ExceptionOrError, "The stored state can't be read: ")
                }
                Call::Reset => (Code::Reset, Reason::ExceptionOrError, "The stored state can't be read: "),
                _ => (
                    Code::NotInitialized,
                    Reason::SdkNotInitialized,
                    "Sdk not initialized: the stored state can't be read: ",
                ),
            };
            self.settle(id, Err(SdkError::passing(code, reason, [text, why].concat())));
        }
    }

    /// Takes over what the storage holds.
    pub(super) fn adopt(&mut self, stored: Option<Box<Record>>) {
        let stamp = Stamp::of(stored.as_deref());
        // A user who could never be stored is not one that was removed.
        let was_stored = self.record.user.is_some() && self.base.is_of(self.install_id());
        if self.unsaved && (stamp == self.base || (stored.is_none() && !was_stored)) {
            // Nobody else wrote: what could not be stored is still the newest.
            self.base = stamp;
            return;
        }
        // A reset counts on.
        let is_gone = was_stored
            && stored.as_ref().is_none_or(|stored| stored.user.is_none() && !self.base.is_before(stored));
        self.base = stamp;
        self.unsaved = false;
        let record = stored.map_or_else(Record::empty, |record| *record);
        if record != self.record {
            let before = std::mem::replace(&mut self.record, record);
            // Where there are no locks, a tab can overwrite what it has not seen yet. Without the newest token the
            // session would be lost, so it is put back.
            self.keep_newest_token(before.user);
            self.on_record_changed();
        }
        if self.base == Record::empty().stamp()
            && let Some(pending) = self.creation.as_ref().and_then(|creation| creation.pending.clone())
        {
            // Noted again: what is sent already may be answered, and the answer lost.
            self.commits.push(Change::BeginCreation(pending), Owner::Nobody);
        }
        if is_gone {
            self.emit(Effect::Warn(Warning::user_removed()));
            // The other tabs may not have noticed.
            self.emit(Effect::Announce);
            self.clear_stores(false);
        }
    }

    /// To be called whenever `record` was replaced.
    pub(super) fn on_record_changed(&mut self) {
        self.refresh_sees_record();
        self.trips_see_record();
        let install_id = self.record.user.as_ref().map(|user| user.install_id.clone());
        let before = std::mem::replace(&mut self.install_id, install_id);
        if before != self.install_id {
            if before.is_some() {
                // Another tab removed that user, and what was kept of it.
                self.forget_recorded();
            }
            self.read_documents();
        }
        // There is another user, or the app allows what it did not allow before.
        self.upload_what_is_left();
    }

    /// The user is gone, and with it all that this tab has recorded and noted.
    pub(super) fn forget_recorded(&mut self) {
        // First, lest what follows writes them down.
        self.documents = Documents::after(&self.documents);
        self.cancel_link();
        self.cancel_upload();
        self.queue = QueueState::default();
        self.queue_refused = false;
    }

    fn look(&mut self, surroundings: Surroundings) {
        let before = std::mem::replace(&mut self.surroundings, surroundings);
        let other_network = before.is_mobile_network != self.surroundings.is_mobile_network;
        if other_network || !before.is_online {
            // Its time may have come while the network was not allowed.
            self.upload_what_is_left();
            self.upload_now();
        }
    }

    fn on_locked(&mut self, ticket: Ticket, outcome: LockOutcome) {
        if self.on_creation_lock(ticket, outcome)
            || self.on_refresh_lock(ticket, outcome)
            || self.on_reset_lock(ticket, outcome)
            || self.on_upload_lock(ticket, outcome)
        {
            return;
        }
        // Whoever asked has given up meanwhile. The driver knows which lock this ticket got.
        if outcome == LockOutcome::Acquired {
            self.emit(Effect::UnlockTicket(ticket));
        }
    }

    fn on_timer(&mut self, timer: Timer) {
        match timer {
            Timer::CreationDeadline => self.creation_timed_out(),
            Timer::CreationRetry => self.send_creation(),
            Timer::RefreshDeadline => self.refresh_timed_out(),
            Timer::RefreshRetry => self.send_refresh(),
            Timer::RefreshElsewhere => self.refresh_waited(),
            Timer::RefreshSeen => self.release_refresh_lock(),
            Timer::ResetDeadline => self.reset_timed_out(),
            Timer::Poll => self.poll(),
            Timer::Follow => self.follow_timer_fired(),
            Timer::LinkDeadline => self.link_timed_out(),
            Timer::LinkRetry => self.send_link(),
            Timer::SubmitDeadline => self.submit_timed_out(),
            Timer::Upload | Timer::UploadRetry => self.upload_timer_fired(),
            Timer::DetectionsExpiry => self.expiry_fired(),
            Timer::TripTimeout => self.judge_trip(),
            Timer::Look => self.looked(),
        }
    }

    /// Tells the listeners, if status or activity differ from what they know.
    fn tell_listeners(&mut self) {
        let status = self.status();
        if self.told.as_ref().is_some_and(|told| *told != status) {
            self.told = Some(status.clone());
            self.emit(Effect::EmitStatus(Box::new(status)));
        }
        let activity = self.activity();
        if activity != self.told_activity {
            self.told_activity = activity.clone();
            self.emit(Effect::EmitActivity(activity));
        }
    }
}
