//! The world's own queue follows the table that `queue.js` follows, too.

use crate::shelf::Shelf;
use crate::tab::Chore;
use sentiance_core::core::{Addition, Claim, Event, SideStore, Ticket};
use sentiance_protocol::{Detection, EpochMs};
use serde_json::Value;

const CASES: &str = include_str!("../world/queue-cases.json");
const TICKET: Ticket = Ticket(1);

#[test]
fn the_queue_of_this_world_follows_the_table_of_the_driver() {
    let cases: Vec<Value> = serde_json::from_str(CASES).unwrap();
    for case in cases {
        let (mut shelf, mut taken) = (Shelf::default(), Vec::new());
        for (at, row) in case["jobs"].as_array().unwrap().iter().enumerate() {
            let (event, _) = shelf.work(chore_of(row, at, &taken), None).unwrap();
            let superseded = if let Event::Superseded(epoch, _) = &event { Some(*epoch) } else { None };
            assert_eq!(superseded.map(u64::from), row["superseded"].as_u64(), "{}: {row}", case["name"]);
            let state = match event {
                Event::Queued(_, Ok(state)) => Some(state),
                Event::Batch(_, Ok(batch)) => {
                    taken = batch.keys;
                    assert_eq!(Some(taken.len() as u64), row["taken"].as_u64(), "{}: {row}", case["name"]);
                    Some(batch.state)
                }
                _ => None,
            };
            let expected = row.get("state").map(|state| (state["count"].as_f64(), state["dropped"].as_f64()));
            let state = state.map(|state| (Some(state.count), Some(state.dropped)));
            assert_eq!(state, expected, "{}: {row}", case["name"]);
        }
    }
}

fn chore_of(row: &Value, at: usize, taken: &[f64]) -> Chore {
    let epoch = row["epoch"].as_u64().unwrap_or(0) as u32;
    let claim = Claim::new(row["owner"].as_str().map(str::to_owned), epoch);
    match row["job"].as_str() {
        Some("add") => {
            let (id, time) = (format!("{at:032x}"), EpochMs(0.0));
            let detections = vec![Detection { id, time, position: None, motion: None, trip: None }];
            let limit_bytes = row["limit"].as_f64().unwrap_or(f64::MAX);
            Chore::Add(TICKET, Box::new(Addition { claim, detections, limit_bytes }))
        }
        Some("take") => Chore::Take { ticket: TICKET, claim, max_bytes: 1_000, max_entries: 100 },
        Some("drop") => Chore::Drop(TICKET, taken.to_vec()),
        _ => Chore::Clear { ticket: TICKET, store: SideStore::Queue, claim, all: true },
    }
}
