//! Schedules by hand of what the app does with its user: they tell the stories, and show that the test's own world
//! works.

use crate::app::Choice;
use crate::device::{Device, Fate};
use sentiance_core::core::Timer;

impl Device {
    /// There is a user, and the first tab records.
    pub(crate) fn start_driving(&mut self) {
        self.create(0, 0);
        self.settle_down();
        self.enable(0, false);
        self.settle_down();
    }
}

/// The page closes in the middle of a drive, with positions in the queue and a batch on its way; the other tab goes on
/// recording. The platform has all of them in the end, once.
#[test]
fn a_drive_whose_page_closes_in_the_middle_arrives_complete_and_once() {
    let mut device = Device::new(true);
    device.start_driving();
    device.start_trip(0);
    for kilometer in 0..10 {
        device.drive(0, f64::from(kilometer) / 100.0);
        device.take_a_round(Fate::LostAfter);
    }
    device.submit(0);
    for _ in 0..10 {
        device.take_a_round(Fate::LostAfter);
    }
    device.restart(0);
    device.settle_down();
    for kilometer in 10..20 {
        for tab in 0..2 {
            device.drive(tab, f64::from(kilometer) / 100.0);
        }
        device.settle_down();
    }
    device.stop_trip(0);
    device.settle_down();
    device.submit_everything();
    assert_eq!(device.platform.uploads.positions(), 20);
    let ended: Vec<bool> = device.platform.uploads.trips().map(|trip| trip.ended_at.is_some()).collect();
    assert_eq!(ended, [true], "one trip, which has ended");
    device.check_at_rest();
}

/// Two tabs set metadata at once, and one of them sends both.
#[test]
fn metadata_set_in_two_tabs_arrives_from_both() {
    let mut device = Device::new(true);
    device.create(0, 0);
    device.settle_down();
    device.change_metadata(0, 0, true);
    device.change_metadata(1, 1, true);
    device.change_metadata(1, 0, false);
    device.settle_down();
    device.submit_everything();
    let uploads = &device.platform.uploads;
    assert_eq!(uploads.metadata_of("person-0", "key-0"), None);
    assert!(uploads.metadata_of("person-0", "key-1").is_some());
    device.check_at_rest();
}

/// What is recorded while the app allows no mobile network waits for another, and is sent as soon as there is one.
#[test]
fn what_waits_for_another_network_is_sent_when_it_comes() {
    let mut device = Device::new(true);
    device.start_driving();
    device.choose(0, Choice::MobileData(false));
    device.settle_down();
    device.surround(|surroundings| surroundings.is_mobile_network = true);
    device.drive(0, 0.0);
    device.settle_down();
    for tab in 0..2 {
        device.fire(tab, Timer::UploadRetry);
    }
    device.settle_down();
    assert_eq!(device.platform.uploads.positions(), 0);
    device.surround(|surroundings| surroundings.is_mobile_network = false);
    device.settle_down();
    assert_eq!(device.platform.uploads.positions(), 1);
    device.check_at_rest();
}
