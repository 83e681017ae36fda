//! The world of one seed: devices, network, platform and time, and what is checked at every step.

use crate::{
    broken::Broken,
    device::{Device, Make},
    invariant::{Invariant, Violation},
    network::{Arrival, Flight, LONGEST_MS, Return},
    oracle::Oracle,
    random::Random,
    server::{Answer, Server},
    step::{At, Step, Stop},
    streams::as_check,
    tab::Said,
    tally::{Fault, Outcome, Tally},
    trace::Trace,
    wire,
};
use axum::http;
use sentiance_core::core::{
    Body, Event, Output, Reply, Request, Response, SdkError, TransportError, UserState,
};
use sentiance_protocol::{DeviceClass, ErrorCode, Secret};

/// When everything begins.
const BEGINNING: f64 = 1_800_000_000_000.0;
/// How long a step takes, in milliseconds.
const STEP_MS: f64 = 1.0;
/// From so many milliseconds on, a device does all that it can before they pass.
const LONG_MS: f64 = 100.0;
/// How much later than its deadline a call may be settled, in milliseconds: its storage must write that it failed.
const SLACK_MS: f64 = 1_000.0;
/// More than the work of a moment takes.
const PATIENCE: usize = 2_000;

/// What a seed chooses before anything happens.
#[derive(Clone, Debug)]
pub(crate) struct Circumstances {
    pub(crate) seed: u64,
    pub(crate) devices: Vec<Make>,
    pub(crate) broken: Option<Broken>,
}

pub(crate) struct World<'s> {
    pub(crate) server: &'s mut Server,
    pub(crate) broken: Option<Broken>,
    pub(crate) now: f64,
    pub(crate) is_up: bool,
    pub(crate) devices: Vec<Device>,
    pub(crate) flights: Vec<Flight>,
    pub(crate) oracle: Oracle,
    pub(crate) app_id: String,
    pub(crate) app_secret: Secret,
    pub(crate) api_key: Secret,
    pub(crate) key_id: String,
    /// All codes that the backend got, oldest first.
    pub(crate) codes: Vec<Secret>,
    pub(crate) recorded: crate::queue::Recorded,
    pub(crate) tally: Tally,
    pub(crate) trace: Trace,
    pub(crate) violation: Option<Violation>,
    /// The last call that was settled.
    pub(crate) last: Option<Result<Output, SdkError>>,
    pub(crate) keys: u32,
}

impl<'s> World<'s> {
    pub(crate) fn new(server: &'s mut Server, circumstances: &Circumstances, keeps_words: bool) -> Self {
        let seed = circumstances.seed;
        server.begin(seed);
        server.set_time(BEGINNING);
        let devices = circumstances.devices.iter().enumerate().map(|(at, make)| {
            let class = match make.class {
                DeviceClass::Phone => "phone",
                DeviceClass::Tablet => "tablet",
                DeviceClass::Desktop => "desktop",
            };
            let device_seed = Random::stream(seed, at as u64 + 1).next();
            Device::new(format!("device {} ({class})", at + 1), *make, device_seed)
        });
        let mut world = World {
            broken: circumstances.broken,
            now: BEGINNING,
            is_up: true,
            devices: devices.collect(),
            flights: Vec::new(),
            oracle: Oracle::default(),
            app_id: String::new(),
            app_secret: Secret::new(""),
            api_key: Secret::new(""),
            key_id: String::new(),
            codes: Vec::new(),
            recorded: crate::queue::Recorded::default(),
            tally: Tally::of_one_seed(),
            trace: Trace::new(keeps_words),
            violation: None,
            last: None,
            keys: 0,
            server,
        };
        world.open_application();
        for at in world.all_tabs() {
            world.open(at);
        }
        world
    }

    pub(crate) fn all_tabs(&self) -> Vec<At> {
        let tabs = |(device, made): (usize, &Device)| (0..made.tabs.len()).map(move |tab| At { device, tab });
        self.devices.iter().enumerate().flat_map(tabs).collect()
    }

    /// Does one step.
    pub(crate) fn perform(&mut self, step: Step) {
        self.trace.step(step);
        self.tally.steps += 1;
        self.advance(self.now + STEP_MS);
        match step {
            Step::Storage { at, fails } => self.work_storage(at, fails),
            Step::Chore { at, fails } => self.work_chore(at, fails),
            Step::Lock { at } => self.answer_lock(at),
            Step::Hear { at } => self.hear(at),
            Step::Lead { at } => self.lead(at),
            Step::Push { at } => self.push(at),
            Step::Cut { at } => self.cut(at),
            Step::CatchUp { device } => self.catch_up(device),
            Step::Arrive { which, arrival } => self.arrive(which, arrival),
            Step::Return { which, how } => self.return_answer(which, how),
            Step::Linker { at, answer } => self.answer_linker(at, answer),
            Step::Timer { at } => {
                let due = self.devices[at.device].tabs[at.tab].next_timer().map(|(_, due)| due);
                if let Some(due) = due {
                    self.wait_until(due, false);
                }
            }
            Step::Wait { ms, online } => self.wait_until(self.now + f64::from(ms), online),
            Step::Call { at, call } => self.app_calls(at, call),
            Step::TabDies { at } => self.tab_dies(at),
            Step::PowerCut { device } => self.cut_power(device),
            Step::SetClock { device, error_ms } => {
                self.tally.fault(Fault::ClockStep);
                self.devices[device].set_clock(f64::from(error_ms));
            }
            Step::Resume { at } => self.feed(at, Event::Resumed),
            Step::Stop(stop) => self.stop(stop),
            Step::Start => self.start(),
            Step::Operator(operator) => self.operate(operator),
            Step::OldToken { which } => self.try_old_token(which),
            Step::StolenToken { which } => self.use_stolen_token(which),
        }
        self.check_deadlines();
    }

    pub(crate) fn report(&mut self, violation: Violation) {
        self.trace.say(|| violation.to_string());
        self.violation.get_or_insert(violation);
    }

    pub(crate) fn violated(&mut self, invariant: Invariant, details: impl Into<String>) {
        self.report(Violation::new(invariant, details));
    }

    // Devices.

    fn open(&mut self, at: At) {
        let surroundings = self.devices[at.device].surroundings.clone();
        self.feed(at, Event::Surroundings(Box::new(surroundings)));
        self.call(at, "ensureInitialized", sentiance_core::core::Call::EnsureInitialized);
    }

    fn tab_dies(&mut self, at: At) {
        self.tally.fault(Fault::TabDeath);
        if self.devices[at.device].unheard[at.tab] > 0 {
            self.tally.fault(Fault::LostAnnouncement);
        }
        self.devices[at.device].reopen(at.tab);
        self.open(at);
    }

    fn cut_power(&mut self, device: usize) {
        self.tally.fault(Fault::PowerCut);
        self.devices[device].cut_power(self.now);
        let stored = self.devices[device].stored_install().map(str::to_owned);
        if self.devices[device].lost_writes
            && let Some(install_id) = stored
        {
            self.oracle.suspect(&install_id);
        }
        for tab in 0..self.devices[device].tabs.len() {
            self.open(At { device, tab });
        }
    }

    pub(crate) fn work_storage(&mut self, at: At, fails: bool) {
        let device = &mut self.devices[at.device];
        let before = device.storage.as_ref().and_then(|record| record.user.clone());
        let Some(mut event) = device.work_storage(at.tab, fails, self.now, self.broken) else { return };
        if let Event::Committed(_, outcome) = &event {
            match outcome {
                sentiance_core::core::CommitOutcome::Conflict(_) => self.tally.outcome(Outcome::Conflict),
                sentiance_core::core::CommitOutcome::Failed(_) => self.tally.fault(Fault::FailedWrite),
                sentiance_core::core::CommitOutcome::Written => {}
            }
        } else if fails {
            self.tally.fault(Fault::FailedRead);
        }
        if self.broken == Some(Broken::UserFallsOut)
            && let Event::Loaded(_, sentiance_core::core::LoadOutcome::Found(Some(record))) = &mut event
            && record.epoch > 5
        {
            record.user = None;
            self.devices[at.device].storage = Some(record.clone());
        }
        let device = &self.devices[at.device];
        if let (Some(old), Some(new)) = (&before, device.stored_user())
            && old.install_id == new.install_id
            && new.token.generation < old.token.generation
        {
            let details = format!("{}: an older session replaced a newer one", device.name);
            self.violated(Invariant::SessionsLast, details);
        }
        self.feed(at, event);
    }

    pub(crate) fn answer_lock(&mut self, at: At) {
        if let Some(event) = self.devices[at.device].answer_lock(at.tab) {
            self.feed(at, event);
        }
    }

    pub(crate) fn hear(&mut self, at: At) {
        let unheard = &mut self.devices[at.device].unheard[at.tab];
        if *unheard > 0 {
            *unheard -= 1;
            self.feed(at, Event::RecordChanged);
        }
    }

    pub(crate) fn lead(&mut self, at: At) {
        if let Some(event) = self.devices[at.device].take_lead(at.tab) {
            self.feed(at, event);
        }
    }

    /// All that a device can do without the network is done.
    pub(crate) fn catch_up(&mut self, device: usize) {
        for _ in 0..PATIENCE {
            let tabs = self.devices[device].tabs.len();
            let busy: Vec<usize> = (0..tabs).filter(|tab| self.devices[device].is_busy(*tab)).collect();
            if busy.is_empty() || self.violation.is_some() {
                return;
            }
            for tab in busy {
                let at = At { device, tab };
                self.answer_lock(at);
                self.lead(at);
                // A storage gets further than one write, lest two tabs that commit in turns be in each other's way
                // for ever.
                for _ in 0..4 {
                    self.work_storage(at, false);
                }
                self.work_chore(at, false);
                self.hear(at);
            }
        }
        let details = format!("{}: no rest after {PATIENCE} rounds", self.devices[device].name);
        self.violated(Invariant::Deadlines, details);
    }

    /// Gives a tab an event.
    pub(crate) fn feed(&mut self, at: At, event: Event) {
        let device = &mut self.devices[at.device];
        device.tabs[at.tab].feed(self.now, event);
        self.take(at);
    }

    /// Takes what a tab says.
    pub(crate) fn take(&mut self, at: At) {
        if let Some(lost) = self.broken.and_then(Broken::lost_timer) {
            self.devices[at.device].tabs[at.tab].timers.retain(|(timer, _)| *timer != lost);
        }
        for said in std::mem::take(&mut self.devices[at.device].tabs[at.tab].said) {
            match said {
                Said::Announced => {
                    for (other, unheard) in self.devices[at.device].unheard.iter_mut().enumerate() {
                        *unheard += usize::from(other != at.tab);
                    }
                }
                Said::Unlocked(_) if self.broken == Some(Broken::KeepsLocks) => {}
                Said::Unlocked(name) => self.devices[at.device].locks.unlock(name),
                Said::GaveUp(role) => self.devices[at.device].locks.give_up_role(at.tab, role),
                Said::Warned(code) => {
                    self.trace.say(|| format!("{at}: warns {code}"));
                    self.tally.outcome(Outcome::Warned);
                    let device = &mut self.devices[at.device];
                    match code {
                        "STORAGE_WRITE_FAILED" => device.warned = true,
                        _ => device.shelf_failed = true,
                    }
                }
                Said::Told => self.tally.outcome(Outcome::StatusTold),
                Said::Settled(name, outcome) => self.settled(at, name, outcome),
            }
        }
        self.take_requests(at);
        self.check_tab(at);
    }

    /// What a tab has sent is on its way from now on.
    fn take_requests(&mut self, at: At) {
        let device = &self.devices[at.device];
        let birth = device.births[at.tab];
        let known = |ticket| {
            let is_it = |flight: &Flight| {
                (flight.device, flight.birth, flight.ticket) == (at.device, birth, Some(ticket))
            };
            self.flights.iter().any(is_it)
        };
        let new: Vec<_> =
            device.tabs[at.tab].requests.iter().filter(|(ticket, _)| !known(*ticket)).cloned().collect();
        for (ticket, request) in new {
            if matches!(request.body, Body::Goodbye) {
                self.check_goodbye(at, &request);
            }
            if self.devices[at.device].warned
                && let Some(install_id) = self.install_of(&request)
            {
                // It may come back with an older state than this.
                self.oracle.suspect(&install_id);
            }
            self.flights.push(Flight {
                device: at.device,
                tab: at.tab,
                birth,
                ticket: Some(ticket),
                request,
                sent_at: self.now,
                answer: None,
            });
        }
    }

    /// A device that says goodbye has no use for that user any more.
    fn check_goodbye(&mut self, at: At, request: &Request) {
        let device = &self.devices[at.device];
        let is_in_use = device.stored_user().is_some_and(|user| {
            Some(&user.token.access_token) == request.bearer.as_ref() && user.state == UserState::Active
        });
        if is_in_use && !device.warned && !device.lost_writes {
            let details = format!("{}: goodbye for the user that it has", device.name);
            self.violated(Invariant::SessionsLast, details);
        }
    }

    /// A tab shows only what is stored, and only what the platform has said.
    fn check_tab(&mut self, at: At) {
        let device = &self.devices[at.device];
        let Some(user) = &device.tabs[at.tab].core.record().user else { return };
        if !device.warned && !device.stored.contains(&user.install_id) {
            let details = format!("{}: {} is not stored", device.name, user.id);
            return self.violated(Invariant::ShownIsStored, details);
        }
        let word = user.state.as_str();
        let was_said = device.words.contains(&(user.install_id.clone(), word));
        let excused = device.warned || self.oracle.is_suspect(&user.install_id);
        if user.state != UserState::Active && !was_said && !excused {
            let details = format!("{}: {word}, which the platform never said", device.name);
            self.violated(Invariant::SessionsLast, details);
        }
    }

    /// A call came to its end.
    fn settled(&mut self, at: At, name: &'static str, outcome: Result<Output, SdkError>) {
        self.trace.say(|| match &outcome {
            Ok(_) => format!("{at}: {name} resolves"),
            Err(error) => format!("{at}: {name} rejects: {}", error.message()),
        });
        let is_resetting = self.devices[at.device].tabs.iter().any(|tab| tab.is_resetting());
        let device = &mut self.devices[at.device];
        match &outcome {
            Ok(Output::User(user)) => {
                let other = device.app.user.as_ref().filter(|told| **told != user.user_id);
                // A linking brings an unlinked user's install to another one only as part of its creation.
                if let Some(other) = other
                    && !device.app.reset_since
                    && !device.warned
                    && !device.lost_writes
                {
                    let details = format!("{}: {} while there was {other}", device.name, user.user_id);
                    self.violated(Invariant::UsersStay, details);
                }
                let device = &mut self.devices[at.device];
                device.app.user = Some(user.user_id.clone());
                device.app.reset_since = is_resetting;
            }
            Ok(Output::Reset(_)) => {
                device.app.user = None;
                self.tally.outcome(Outcome::Reset);
            }
            Err(error) if error.details.contains("in time") => self.tally.outcome(Outcome::DeadlinePassed),
            _ => {}
        }
        if name != "ensureInitialized" {
            self.last = Some(outcome);
        }
    }

    /// No call is pending for longer than it may be.
    fn check_deadlines(&mut self) {
        for at in self.all_tabs() {
            let tab = &self.devices[at.device].tabs[at.tab];
            let late = tab.pending.values().find(|(name, since)| self.now - since > limit(name));
            if let Some((name, since)) = late {
                let details = format!("{at}: {name} is pending for {} s", (self.now - since) / 1_000.0);
                return self.violated(Invariant::Deadlines, details);
            }
        }
    }

    // Time.

    /// Time passes. Where that is long, devices do meanwhile what they can, and the network, too.
    pub(crate) fn wait_until(&mut self, target: f64, online: bool) {
        if target - self.now < LONG_MS {
            return self.advance(target);
        }
        self.go_on(online);
        for _ in 0..PATIENCE {
            if self.violation.is_some() {
                return;
            }
            match self.next_due().filter(|due| *due < target) {
                Some(due) => self.advance(due),
                None => return self.advance(target),
            }
            self.go_on(online);
        }
        self.violated(Invariant::Deadlines, format!("no rest after {PATIENCE} timers"));
    }

    /// All that can be done at this moment is done.
    pub(crate) fn go_on(&mut self, online: bool) {
        for _ in 0..PATIENCE {
            for device in 0..self.devices.len() {
                self.catch_up(device);
            }
            let is_quiet = self.flights.is_empty() && !self.all_tabs().iter().any(|at| self.has_news(*at));
            if !online || is_quiet || self.violation.is_some() {
                return;
            }
            self.deliver_everything();
        }
        self.violated(Invariant::Deadlines, format!("no rest after {PATIENCE} rounds of the network"));
    }

    /// Everything that is on its way arrives.
    fn deliver_everything(&mut self) {
        for at in self.all_tabs() {
            self.push(at);
        }
        for _ in 0..self.flights.len() {
            if self.flights.iter().any(|flight| flight.answer.is_none()) {
                self.arrive(0, Arrival::Acts);
            }
            if self.flights.iter().any(|flight| flight.answer.is_some()) {
                self.return_answer(0, Return::Arrives);
            }
        }
    }

    fn next_due(&self) -> Option<f64> {
        let timers = self.devices.iter().flat_map(|device| &device.tabs).filter_map(|tab| tab.next_timer());
        let timeouts = self.flights.iter().filter(|flight| self.is_awaited(flight));
        let timeouts = timeouts.map(|flight| flight.sent_at + flight.request.timeout_ms);
        timers.map(|(_, due)| due).chain(timeouts).min_by(f64::total_cmp)
    }

    /// Time passes, and whatever is due happens in its order.
    fn advance(&mut self, target: f64) {
        while let Some(due) = self.next_due().filter(|due| *due <= target) {
            self.set_time(due);
            let late = self.flights.iter().position(|flight| {
                flight.sent_at + flight.request.timeout_ms <= due && self.is_awaited(flight)
            });
            if let Some(late) = late {
                self.tally.fault(Fault::Silence);
                self.give_up(late, TransportError::TimedOut);
                continue;
            }
            for at in self.all_tabs() {
                let tab = &mut self.devices[at.device].tabs[at.tab];
                if let Some((timer, _)) = tab.next_timer().filter(|(_, at)| *at <= due) {
                    tab.timers.retain(|(other, _)| *other != timer);
                    self.feed(at, Event::TimerFired(timer));
                    break;
                }
            }
        }
        self.set_time(target);
        self.flights.retain(|flight| target - flight.sent_at <= LONGEST_MS);
    }

    fn set_time(&mut self, now: f64) {
        // Times are whole numbers on the wire.
        self.now = self.now.max(now.ceil());
        self.server.set_time(self.now);
    }

    // Network.

    /// Whether somebody waits for what is on its way.
    pub(crate) fn is_awaited(&self, flight: &Flight) -> bool {
        let device = &self.devices[flight.device];
        device.births[flight.tab] == flight.birth
            && flight.ticket.is_some_and(|ticket| {
                device.tabs[flight.tab].requests.iter().any(|(other, _)| *other == ticket)
            })
    }

    fn nth(&self, which: usize, answered: bool) -> Option<usize> {
        let mut found: Vec<usize> = (0..self.flights.len()).collect();
        found.retain(|at| self.flights[*at].answer.is_some() == answered);
        (!found.is_empty()).then(|| found[which % found.len()])
    }

    /// A request meets its fate.
    fn arrive(&mut self, which: usize, arrival: Arrival) {
        let Some(at) = self.nth(which, false) else { return };
        if !self.is_up {
            self.tally.fault(Fault::Refused);
            return self.give_up(at, TransportError::Unreachable);
        }
        match arrival {
            Arrival::Lost => {
                self.tally.fault(Fault::LostRequest);
                return self.give_up(at, TransportError::Unreachable);
            }
            Arrival::ActsTwice => {
                self.tally.fault(Fault::Duplicated);
                self.flights.push(Flight { ticket: None, ..self.flights[at].clone() });
            }
            Arrival::Acts => {}
            Arrival::TooMany => self.tally.fault(Fault::TooMany),
            Arrival::TooManyWithPause => self.tally.fault(Fault::TooManyWithPause),
            Arrival::Failure => self.tally.fault(Fault::Failure),
            Arrival::Overload => self.tally.fault(Fault::Overload),
            Arrival::PageInsteadOf200 => self.tally.fault(Fault::PageInsteadOf200),
            Arrival::PageInsteadOf503 => self.tally.fault(Fault::PageInsteadOf503),
        }
        let answer = match arrival.answer() {
            Some(answer) => answer,
            None => self.act(at),
        };
        self.flights[at].answer = Some(answer);
    }

    /// The platform acts on a request.
    fn act(&mut self, at: usize) -> Answer {
        let flight = &self.flights[at];
        let mut request = as_check(&flight.request);
        if self.broken == Some(Broken::TabletInDisguise)
            && let Body::CreateUser(body) = &mut request.body
            && body.device.class == DeviceClass::Tablet
        {
            body.device.class = DeviceClass::Desktop;
        }
        let name = self.devices[flight.device].name.clone();
        let answer = self.ask(wire::to_http(&request));
        let request = as_check(&self.flights[at].request);
        self.trace.say(|| {
            let body = String::from_utf8_lossy(&answer.body);
            let code = body.split_once("\"errorCode\":\"").and_then(|(_, rest)| rest.split('"').next());
            format!("{name}: {} is answered {} {}", request.path, answer.status, code.unwrap_or_default())
        });
        match wire::read(&request.body, &answer) {
            Some(response) => self.judge(&request, &response),
            None => self.violated(Invariant::NothingElse, "the page may not read the platform's answer"),
        }
        self.recorded.see(&request, &answer, &mut self.tally);
        answer
    }

    /// Sends a request to the platform, whoever it is from.
    pub(crate) fn ask(&mut self, request: http::Request<axum::body::Body>) -> Answer {
        self.tally.requests += 1;
        let answer = self.server.answer(request);
        self.trace.add(u64::from(answer.status));
        self.trace.add_bytes(&answer.body);
        answer
    }

    /// What the platform did must be what it had to do.
    pub(crate) fn judge(&mut self, request: &Request, response: &Response) {
        match self.oracle.see(self.now, request, response) {
            Ok(outcomes) => outcomes.into_iter().for_each(|outcome| self.tally.outcome(outcome)),
            Err(violation) => self.report(violation),
        }
        // Neither these nor a refusal change what the census counts; at rest it is taken once more.
        let changes_nothing = matches!(request.body, Body::Config | Body::Metadata(_) | Body::Detections(_));
        if !changes_nothing && response.status < 400 || matches!(request.body, Body::Refresh(_)) {
            self.check_tables();
        }
    }

    pub(crate) fn check_tables(&mut self) {
        if self.broken == Some(Broken::GoodbyeUnheard) {
            return;
        }
        let census = self.server.census(&self.app_id);
        if let Err(violation) = self.oracle.compare(&census) {
            self.report(violation);
        }
    }

    /// An answer meets its fate.
    fn return_answer(&mut self, which: usize, how: Return) {
        let Some(at) = self.nth(which, true) else { return };
        match how {
            Return::Lost => {
                self.tally.fault(Fault::LostAnswer);
                return self.give_up(at, TransportError::Unreachable);
            }
            Return::Half => {
                self.tally.fault(Fault::HalfAnswer);
                if let Some(answer) = &mut self.flights[at].answer {
                    let half = answer.body.len() / 2;
                    answer.body.truncate(half);
                }
            }
            Return::Arrives => {}
        }
        let flight = self.flights.remove(at);
        let overtaken =
            self.flights.iter().any(|other| other.sent_at < flight.sent_at && other.answer.is_some());
        if overtaken {
            self.tally.fault(Fault::Reordered);
        }
        if !self.is_awaited(&flight) {
            return;
        }
        let (Some(answer), Some(ticket)) = (&flight.answer, flight.ticket) else { return };
        let mut response = wire::read(&as_check(&flight.request).body, answer);
        if self.broken == Some(Broken::BelievesAnyPage)
            && let Some(response) = &mut response
            && matches!(response.reply, Reply::Unreadable)
            && response.status == 503
        {
            let code = ErrorCode::SessionEnded;
            let body = sentiance_protocol::ErrorBody {
                message: String::new(),
                error_code: code.as_str().to_owned(),
                reference: String::new(),
            };
            (response.status, response.reply) = (code.status(), Reply::Error(body));
        } else if self.broken == Some(Broken::DeafToState)
            && let Some(response) = &mut response
            && matches!(flight.request.body, Body::Config | Body::Events)
        {
            response.reply = Reply::Unreadable;
        } else if let Some(response) = &response {
            self.note_words(flight.device, &flight.request, response);
        }
        let at = At { device: flight.device, tab: flight.tab };
        self.devices[at.device].tabs[at.tab].requests.retain(|(other, _)| *other != ticket);
        match response {
            Some(Response { reply: word @ Reply::Config(_), .. })
                if matches!(flight.request.body, Body::Events) =>
            {
                self.open_stream(at, ticket, flight.request, word);
            }
            response => {
                let outcome = response.map(Box::new).ok_or(TransportError::Unreachable);
                self.feed(at, Event::Responded(ticket, outcome));
            }
        }
    }

    /// The install that sends a request.
    fn install_of(&self, request: &Request) -> Option<String> {
        match &request.body {
            Body::CreateUser(body) => Some(body.install_id.clone()),
            Body::Refresh(body) => self.oracle.install_of(&body.refresh_token),
            _ => request.bearer.as_ref().and_then(|bearer| self.oracle.install_of(bearer)),
        }
    }

    /// The platform has said something of an install to a device.
    pub(crate) fn note_words(&mut self, device: usize, request: &Request, response: &Response) {
        let install_id = self.install_of(request);
        let says = |code: ErrorCode| match &response.reply {
            Reply::Error(body) => body.error_code == code.as_str() && response.status == code.status(),
            _ => false,
        };
        let state = match &response.reply {
            Reply::User(user) => Some(UserState::from(user.install_state)),
            Reply::Config(config) => Some(UserState::from(config.install_state)),
            Reply::Linked(linked) => Some(UserState::from(linked.install_state)),
            _ if says(ErrorCode::UserDisabledRemotely) => Some(UserState::Refused),
            _ if says(ErrorCode::UserDeleted) => Some(UserState::Deleted),
            _ if says(ErrorCode::SessionEnded) => Some(UserState::SessionEnded),
            _ => None,
        };
        let (Some(install_id), Some(state)) = (install_id, state) else { return };
        match state {
            UserState::Active => {}
            UserState::Refused => self.tally.outcome(Outcome::ToldRefused),
            UserState::Inactive => self.tally.outcome(Outcome::ToldInactive),
            UserState::Disabled => self.tally.outcome(Outcome::ToldDisabled),
            UserState::Deleted => self.tally.outcome(Outcome::ToldDeleted),
            UserState::SessionEnded => self.tally.outcome(Outcome::ToldEnded),
        }
        self.devices[device].words.insert((install_id, state.as_str()));
    }

    /// Nothing comes of a request any more.
    fn give_up(&mut self, at: usize, error: TransportError) {
        // A request that timed out may arrive still.
        let is_late = error == TransportError::TimedOut && self.flights[at].answer.is_none();
        let flight = if is_late { self.flights[at].clone() } else { self.flights.remove(at) };
        if !self.is_awaited(&flight) {
            return;
        }
        let Some(ticket) = flight.ticket else { return };
        let at = At { device: flight.device, tab: flight.tab };
        self.devices[at.device].tabs[at.tab].requests.retain(|(other, _)| *other != ticket);
        self.feed(at, Event::Responded(ticket, Err(error)));
    }

    // The platform's process.

    fn stop(&mut self, stop: Stop) {
        if !self.is_up {
            return;
        }
        match stop {
            Stop::Properly => {
                self.tally.fault(Fault::Restart);
                self.server.restart();
            }
            Stop::CrashIdle => {
                self.tally.fault(Fault::CrashIdle);
                self.server.crash(None);
            }
            Stop::CrashBeforeCommit { which } => {
                let Some(at) = self.nth(which, false) else { return };
                self.tally.fault(Fault::CrashBeforeCommit);
                let request = wire::to_http(&as_check(&self.flights[at].request));
                self.server.crash(Some(request));
                self.give_up(at, TransportError::Unreachable);
            }
            Stop::CrashAfterCommit { which } => {
                let Some(at) = self.nth(which, false) else { return };
                self.tally.fault(Fault::CrashAfterCommit);
                self.act(at);
                self.server.crash(None);
                self.give_up(at, TransportError::Unreachable);
            }
        }
        self.is_up = false;
        for at in self.all_tabs() {
            self.cut(at);
        }
        // What was acknowledged is there, and nothing else.
        self.check_tables();
    }

    pub(crate) fn start(&mut self) {
        self.is_up = true;
    }
}

/// How long a call may be pending, in milliseconds: its own deadline, and a moment.
fn limit(name: &str) -> f64 {
    SLACK_MS
        + match name {
            "createUser" | "linkUser" | "linkUserWithAuthCode" | "submitDetections" => 30_000.0,
            "requestUserAccessToken" => 15_000.0,
            "reset" => 10_000.0,
            _ => 0.0,
        }
}
