//! Performs the core's effects: HTTP, storage, tabs, timers. Thin on purpose: what to do, and when, the core decides.
//!
//! A panic stops this code where it is, and the module must not be entered again: whoever loaded it (the facade)
//! rejects the calls in flight and starts another instance, which finds the user in the storage.
//!
//! | file | job |
//! |---|---|
//! | `pump` | feeds the core one event after the other, and hands out its effects |
//! | `calls` | the promises of the API, from the call until it is settled |
//! | `options`, `output`, `errors` | values from JavaScript, and back |
//! | `storage` | where the record lives, and compare-and-set |
//! | `http`, `timers`, `locks`, `tabs`, `page` | the outside world |
//! | `listeners` | the status listeners |
//! | `identity` | what the SDK says of app, device and itself |
//! | `wire` | JSON: what is sent and stored, and back |
//! | `table`, `js` | small helpers for a world in which anything may be missing |

mod calls;
mod errors;
mod http;
mod identity;
mod js;
mod listeners;
mod locks;
mod options;
mod output;
mod page;
mod pump;
mod storage;
mod table;
mod tabs;
mod timers;
mod wire;

pub(crate) use calls::version;
pub(crate) use listeners::add_status_listener;
pub(crate) use locks::end_with;
pub(crate) use options::{create_user, initialize};
pub(crate) use pump::call;
