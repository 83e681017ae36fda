//! Performs the core's effects: HTTP, storage, tabs, timers, sensors. Thin on purpose: what to do, and when, the core decides.
//!
//! A panic stops this code where it is, and the module must not be entered again: whoever loaded it (the facade)
//! rejects the calls in flight and starts another instance, which finds the user in the storage.
//!
//! | file | job |
//! |---|---|
//! | `pump` | feeds the core one event after the other, and hands out its effects |
//! | `calls` | the promises of the API, from the call until it is settled |
//! | `arguments`, `options`, `output`, `errors` | values from JavaScript, and back |
//! | `linking` | the app's linkers |
//! | `storage` | where the record lives, and compare-and-set |
//! | `queue` | where detections wait until they are sent |
//! | `sensors` | what device and browser allow and tell: permissions, positions, motion |
//! | `thrown` | what others threw: the cause of the errors that come of it |
//! | `http`, `stream`, `timers`, `locks`, `tabs`, `page` | the outside world |
//! | `leading` | what one tab does for all of them |
//! | `listeners` | the app's listeners |
//! | `entropy` | randomness, asked for in large portions |
//! | `identity` | what the SDK says of app, device and itself |
//! | `wire` | JSON: what is sent and stored, and back |
//! | `table`, `js` | small helpers for a world in which anything may be missing |

mod arguments;
mod calls;
mod entropy;
mod errors;
mod http;
mod identity;
mod js;
mod leading;
mod linking;
mod listeners;
mod locks;
mod options;
mod output;
mod page;
mod pump;
mod queue;
mod sensors;
mod storage;
mod stream;
mod table;
mod tabs;
mod thrown;
mod timers;
mod wire;

pub(crate) use arguments::{
    add_trip_metadata, add_user_metadata_field, add_user_metadata_fields, enable_detections_until,
    is_trip_ongoing, link_user_with_auth_code, remove_user_metadata_field, set_app_session_data_collection,
    set_mobile_data, set_transmittable_data_types, start_trip,
};
pub(crate) use calls::version;
pub(crate) use linking::link_user;
pub(crate) use listeners::add_listener;
pub(crate) use locks::end_with;
pub(crate) use options::{create_user, initialize};
pub(crate) use pump::call;
