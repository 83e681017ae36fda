//! The `platform` command: its short tasks, and the server as a process.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{self, Child, ChildStderr, ChildStdout, Output, Stdio},
};

const BINARY: &str = env!("CARGO_BIN_EXE_platform");

/// Runs tasks on one database.
#[derive(Clone)]
pub(crate) struct Command {
    database: PathBuf,
    /// The program that starts the command, with its arguments; none where it is started directly.
    starter: Vec<String>,
    log: Option<PathBuf>,
}

impl Command {
    pub(crate) fn on(database: &Path) -> Self {
        Command { database: database.to_owned(), starter: Vec::new(), log: None }
    }

    /// Starts it through another program, which changes what the process may do and then becomes it.
    pub(crate) fn through(self, starter: &[&str]) -> Self {
        Command { starter: starter.iter().map(|&part| part.to_owned()).collect(), ..self }
    }

    /// Keeps the log of servers in a file: a pipe that nobody reads fills up under load.
    pub(crate) fn logging_to(self, file: &Path) -> Self {
        Command { log: Some(file.to_owned()), ..self }
    }

    /// Runs a task and gives everything that came of it.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.process(arguments).output().unwrap()
    }

    /// The process, without the settings of whoever runs the tests.
    fn process(&self, arguments: &[&str]) -> process::Command {
        let words: Vec<&str> = self.starter.iter().map(String::as_str).chain([BINARY]).collect();
        let mut process = process::Command::new(words[0]);
        process.args(&words[1..]).args(arguments);
        process.env_clear().env("PLATFORM_DATABASE", &self.database).stdin(Stdio::null());
        process
    }

    /// Runs a task that succeeds, and gives what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "platform {arguments:?} failed: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a task that fails, and gives what it complains about.
    pub(crate) fn fail(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(!output.status.success(), "platform {arguments:?} succeeded");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn create_app(&self, name: &str, origins: &[&str]) -> String {
        let mut arguments = vec!["app", "create", "--name", name];
        arguments.extend(origins.iter().flat_map(|origin| ["--origin", origin]));
        Self::value_of(&self.run(&arguments), "app id: ")
    }

    pub(crate) fn create_key(&self, app_id: &str, scopes: &[&str]) -> String {
        let mut arguments = vec!["api-key", "create", "--app", app_id];
        arguments.extend(scopes.iter().flat_map(|scope| ["--scope", scope]));
        Self::value_of(&self.run(&arguments), "api key: ")
    }

    /// The rest of the printed line that starts so.
    pub(crate) fn value_of(printed: &str, start: &str) -> String {
        let found = printed.lines().find_map(|line| line.strip_prefix(start));
        found.unwrap_or_else(|| panic!("no line {start:?} in {printed:?}")).to_owned()
    }

    /// Starts `platform serve` or `dev` on a free port.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_at("127.0.0.1:0", arguments)
    }

    /// The same, on an address of the caller's choice.
    pub(crate) fn start_at(&self, address: &str, arguments: &[&str]) -> Running {
        let mut child = self.spawn(&[arguments, &["--address", address]].concat());
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut printed = String::new();
        let url = loop {
            let mut line = String::new();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "it ended before it listened: {printed}");
            printed.push_str(&line);
            if let Some(url) = line.strip_prefix("platform listening on ") {
                break url.trim().to_owned();
            }
        };
        Running { child, _stdout: stdout, url, printed }
    }

    /// Starts a task and does not wait for it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        let log = self.log.as_ref().map_or_else(Stdio::piped, |file| {
            OpenOptions::new().append(true).create(true).open(file).unwrap().into()
        });
        self.process(arguments).stdout(Stdio::piped()).stderr(log).spawn().unwrap()
    }
}

/// A server process.
pub(crate) struct Running {
    child: Child,
    _stdout: BufReader<ChildStdout>,
    pub(crate) url: String,
    /// What it printed until it listened.
    pub(crate) printed: String,
}

impl Running {
    pub(crate) fn value_of(&self, start: &str) -> String {
        Command::value_of(&self.printed, start)
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = self.pid();
        assert!(process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// How much memory it has, in KB.
    pub(crate) fn resident_kb(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Whether the process is gone.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as a fault in the program would, with whatever it says then.
    pub(crate) fn abort(&mut self) {
        let pid = self.child.id().to_string();
        assert!(process::Command::new("kill").args(["-ABRT", &pid]).status().unwrap().success());
        assert!(!self.child.wait().unwrap().success());
    }

    /// Closes the log's reading end, as a log collector does that crashes.
    pub(crate) fn stop_reading_log(&mut self) {
        drop(self.child.stderr.take());
    }

    /// The log from now on, to be read while it is written. It ends with the process.
    pub(crate) fn take_log(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child.stderr.take().unwrap())
    }

    /// Waits for its end; gives whether it succeeded.
    pub(crate) fn ends_well(mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Waits for its end; gives whether it succeeded, and its log.
    pub(crate) fn wait(mut self) -> (bool, String) {
        let mut log = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut log).unwrap();
        }
        (self.child.wait().unwrap().success(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already ended in most tests; a test that failed must not leave it behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
