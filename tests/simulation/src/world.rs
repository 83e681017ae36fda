//! The world of one seed: what is in it, and the steps that it takes.

use crate::{
    broken::Broken,
    device::{Device, Make},
    invariant::{Invariant, Violation},
    network::Flight,
    oracle::Oracle,
    random::Random,
    server::Server,
    step::{At, Step},
    tally::{Fault, Tally},
    trace::Trace,
};
use sentiance_core::core::{Event, Output, SdkError};
use sentiance_protocol::{DeviceClass, Secret};

/// When everything begins.
const BEGINNING: f64 = 1_800_000_000_000.0;
/// How long a step takes, in milliseconds.
const STEP_MS: f64 = 1.0;
/// More than the work of a moment takes.
pub(crate) const PATIENCE: usize = 2_000;

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
            Step::Spoil { device, spoil } => self.spoil(device, spoil),
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
}
