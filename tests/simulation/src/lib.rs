//! The simulation: several devices, each with several tabs on one storage, run the SDK's real core against the real
//! platform on a real SQLite file, while everything goes wrong that can. A seed decides all of it, so that every run can
//! be repeated. `npm test` runs ten thousand seeds, and some on PostgreSQL; `npm run soak` goes on.
//!
//! | file | job |
//! |---|---|
//! | `campaign`, `processor`, `report` | many seeds on all processors; what is said of one that failed |
//! | `run`, `choose`, `shrink` | one seed; what happens next; the shortest schedule that fails |
//! | `step`, `trace`, `tally` | what can happen, in words; what happened; how often |
//! | `world` | what there is, and the steps that it takes |
//! | `tabs`, `flights`, `outages`, `time` | what happens to tabs, to requests and answers, to the platform; how time passes |
//! | `spoil` | what is done to each of a device's stores alone |
//! | `device`, `tab`, `locks`, `shelf`, `page`, `identity`, `queue` | a device: storage, tabs, what stands beside the record |
//! | `app` | what people do: the app, its backend, an operator, a thief |
//! | `network`, `streams`, `wire`, `json` | what is on its way; events; HTTP |
//! | `server`, `tables` | the platform as a process; what its database says |
//! | `oracle` | what the platform must do, told a second time |
//! | `invariant`, `watch`, `rest` | what must hold; at every step; and at rest |
//! | `broken` | variants that are broken on purpose, to show that they are caught |

#![expect(clippy::expect_used, reason = "in a test, a panic is the report")]

mod app;
mod broken;
mod campaign;
mod choose;
mod device;
mod flights;
#[path = "../../world/identity.rs"]
mod identity;
mod invariant;
#[path = "../../world/json.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets share it, for whom it is public")]
mod json;
#[path = "../../world/locks.rs"]
mod locks;
mod network;
mod oracle;
mod outages;
#[path = "../../world/page.rs"]
mod page;
mod processor;
mod queue;
mod random;
mod report;
mod rest;
mod run;
mod server;
#[path = "../../world/shelf.rs"]
mod shelf;
mod shrink;
#[path = "../../world/split_mix.rs"]
mod split_mix;
mod spoil;
mod step;
#[cfg(test)]
mod stories;
mod streams;
#[path = "../../world/tab.rs"]
mod tab;
mod tables;
mod tabs;
mod tally;
mod time;
mod trace;
mod watch;
mod wire;
mod world;

pub use broken::Broken;
pub use campaign::{Failure, campaign, catch, hashes};
pub use invariant::{Invariant, Violation};
pub use server::Engine;
pub use tally::{Fault, Outcome, Tally};
