//! Compiling ahead: what the last suites run is built beside suites that mostly wait, in the time that those leave idle.

use super::suites::Suite;
use crate::process;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// What is built ahead: what waits for the first such suite, and then what is under way.
pub(crate) struct Ahead {
    commands: Vec<Command>,
    builds: Option<JoinHandle<()>>,
}

impl Ahead {
    /// What these suites have to build.
    pub(crate) fn of(suites: &mut [Suite]) -> Self {
        Ahead { commands: suites.iter_mut().filter_map(|suite| suite.ahead.take()).collect(), builds: None }
    }

    /// Starts it, one after the other, unless it was started before.
    pub(crate) fn start(&mut self) {
        let commands = std::mem::take(&mut self.commands);
        if commands.is_empty() {
            return;
        }
        self.builds = Some(std::thread::spawn(move || {
            for command in commands {
                // What does not build here is built by its suite again, which shows why.
                let _ = process::stream(&mut in_idle_time(&command), LIMIT, &mut |_| {});
            }
        }));
    }

    /// Waits for what was started.
    pub(crate) fn finish(&mut self) {
        if let Some(builds) = self.builds.take() {
            // A thread that panicked has built nothing, which its suites will do.
            let _ = builds.join();
        }
    }
}

/// The same command, which runs only while a processor has nothing else to do.
fn in_idle_time(command: &Command) -> Command {
    let starter: &[&str] =
        if process::is_installed("chrt") { &["chrt", "--idle", "0"] } else { &["nice", "-n", "19"] };
    let mut idle = Command::new(starter[0]);
    idle.args(&starter[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => idle.env(name, value),
            None => idle.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        idle.current_dir(folder);
    }
    idle
}

#[cfg(test)]
mod tests {
    use super::in_idle_time;
    use crate::workspace::root;
    use std::process::Command;

    #[test]
    fn a_command_in_idle_time_keeps_its_arguments_folder_and_environment() {
        let folder = root().canonicalize().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "echo \"$KEPT $1 $(pwd -P)\"; test -z \"$HOME\"", "sh", "a word"]);
        command.env("KEPT", "kept").env_remove("HOME").current_dir(&folder);
        let output = in_idle_time(&command).output().unwrap();
        let expected = format!("kept a word {}\n", folder.display());
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
        assert!(output.status.success());
    }
}
