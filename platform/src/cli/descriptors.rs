//! File descriptors: each connection and each stream of events takes one, and so does the database.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many are for the database, the log and whatever else is open.
const RESERVE: usize = 100;

/// How many connections and streams the system lets this process have of those that are wanted. Asks it for more than
/// the 1024 descriptors that a process usually starts with, up to what it may ask for.
pub(super) fn room_for(connections: usize, streams: usize) -> (usize, usize) {
    let wanted = connections.saturating_add(streams).saturating_add(RESERVE);
    let available = raise_limit(wanted);
    let (connections, fitting) = share(available, connections, streams);
    if fitting < streams {
        tracing::warn!(
            streams = fitting,
            wanted = streams,
            "the limit of open files leaves no room for more streams of events"
        );
    }
    (connections, fitting)
}

fn raise_limit(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = wanted as u64;
    let raised = limit.current.map(|current| wanted.min(limit.maximum.unwrap_or(u64::MAX)).max(current));
    let current = match setrlimit(Resource::Nofile, Rlimit { current: raised, maximum: limit.maximum }) {
        Ok(()) => raised,
        Err(_) => limit.current,
    };
    current.map_or(usize::MAX, |current| usize::try_from(current).unwrap_or(usize::MAX))
}

/// Where there are not enough, ordinary requests get two thirds.
fn share(available: usize, connections: usize, streams: usize) -> (usize, usize) {
    let room = available.saturating_sub(RESERVE).max(3);
    if connections.saturating_add(streams) <= room {
        return (connections, streams);
    }
    let streams = streams.min(room / 3).max(room.saturating_sub(connections));
    (connections.min(room - streams), streams)
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn streams_leave_most_descriptors_to_ordinary_requests_where_there_are_few() {
        assert_eq!(share(20_000, 900, 10_000), (900, 10_000), "enough");
        assert_eq!(share(1024, 900, 10_000), (616, 308), "what a process usually has");
        assert_eq!(share(4096, 900, 10_000), (900, 3096), "what requests do not need is for streams");
        assert_eq!(share(1024, 900, 20), (900, 20));
        assert_eq!(share(0, 900, 10_000), (2, 1), "whatever happens, somebody is served");
    }
}
