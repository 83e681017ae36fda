// What React Native adds to its bare engine, as far as the SDK may use it: the console, timers, fetch, and the random
// numbers of the usual polyfill. Runs in the engine, before the app. Everything is served by the test's process: each
// request is printed as one line, and the answer comes back as a call of `globalThis.fromHost`.
//
// Not a module, and in the oldest syntax: it is evaluated as it stands.

(function (global) {
  var lastRequest = 0;
  var waiting = {};
  var timers = {};
  var randomBytes = [];
  var watches = {};
  var position;
  var FEW_RANDOM_BYTES = 2048;

  function toHost(message) {
    global.print("@@" + JSON.stringify(message));
  }

  /** Asks the host for something, and resolves with its answer. */
  function ask(kind, payload) {
    var id = ++lastRequest;
    toHost({ kind: kind, id: id, payload: payload });
    return new Promise(function (resolve, reject) {
      waiting[id] = { resolve: resolve, reject: reject };
    });
  }

  global.fromHost = function (message) {
    if (message.kind === "answer") {
      var pending = waiting[message.id];
      delete waiting[message.id];
      if (message.error) pending.reject(new TypeError(message.error));
      else pending.resolve(message.value);
    } else if (message.kind === "timer") {
      var callback = timers[message.id];
      delete timers[message.id];
      if (callback) callback();
    } else if (message.kind === "position") {
      position = { coords: message.coords, timestamp: Date.now() };
      Object.keys(watches).forEach(function (number) {
        watches[number](position);
      });
    } else if (message.kind === "random") {
      randomBytes = randomBytes.concat(message.bytes);
    } else if (message.kind === "call") {
      global.perform(message.name, message.args).then(function (outcome) {
        toHost({ kind: "outcome", id: message.id, payload: outcome });
      });
    }
  };

  global.reportStatus = function (status) {
    toHost({ kind: "status", payload: status });
  };

  // The command-line engine's own timers fire at once, whatever delay they were given.
  global.setTimeout = function (callback, delay) {
    var id = ++lastRequest;
    timers[id] = callback;
    toHost({ kind: "timer", id: id, payload: Number(delay) || 0 });
    return id;
  };
  global.clearTimeout = function (id) {
    delete timers[id];
  };

  global.console = {};
  ["debug", "log", "info", "warn", "error"].forEach(function (level) {
    global.console[level] = function (text) {
      toHost({ kind: "console", payload: { level: level, text: String(text) } });
    };
  });

  global.navigator = { product: "ReactNative" };

  global.fetch = function (url, options) {
    var init = options || {};
    var payload = { url: String(url), method: init.method, headers: init.headers, body: init.body };
    return ask("fetch", payload).then(function (answer) {
      return {
        ok: answer.status >= 200 && answer.status < 300,
        status: answer.status,
        headers: {
          get: function (name) {
            var value = answer.headers[String(name).toLowerCase()];
            return value === undefined ? null : value;
          },
        },
        text: function () {
          return Promise.resolve(answer.body);
        },
        json: function () {
          return Promise.resolve(answer.body).then(JSON.parse);
        },
      };
    });
  };

  /** Installs what react-native-get-random-values does; an app without that polyfill lacks it. */
  global.installRandomValues = function () {
    global.crypto = {
      getRandomValues: function (array) {
        if (randomBytes.length < array.length) throw new Error("the host has sent too few random bytes");
        for (var i = 0; i < array.length; i += 1) array[i] = randomBytes.pop();
        if (randomBytes.length < FEW_RANDOM_BYTES) toHost({ kind: "random" });
        return array;
      },
    };
  };

  /** Installs what the community's geolocation package does, in an app that names it as `navigator.geolocation`. */
  global.installGeolocation = function () {
    global.navigator.geolocation = {
      setRNConfiguration: function () {},
      getCurrentPosition: function (onPosition, onError) {
        setTimeout(function () {
          if (position) onPosition(position);
          else onError({ code: 2, message: "there is no position yet" });
        }, 0);
      },
      watchPosition: function (onPosition) {
        var number = ++lastRequest;
        watches[number] = onPosition;
        if (position) setTimeout(onPosition.bind(undefined, position), 0);
        return number;
      },
      clearWatch: function (number) {
        delete watches[number];
      },
    };
  };

  /** Storage in the manner of AsyncStorage: every operation takes a turn of the event loop at least. */
  global.hostStorage = {
    getItem: function (key) {
      return ask("getItem", { key: key });
    },
    setItem: function (key, value) {
      return ask("setItem", { key: key, value: value });
    },
    removeItem: function (key) {
      return ask("removeItem", { key: key });
    },
  };
})(globalThis);
