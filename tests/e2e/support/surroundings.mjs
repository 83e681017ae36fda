// What surrounds a device, changed through the browser's own protocol: permissions, positions, motion, room.

/** The sensors behind `devicemotion`. */
const MOTION_SENSORS = ["accelerometer", "linear-acceleration", "gyroscope"];

/** The surroundings of a device that is a page of Chromium. */
export class Surroundings {
  #browser;
  #device;
  #target;
  #page;

  /** The surroundings of `device`, whose page is open. */
  static async of(browser, device) {
    const surroundings = new Surroundings();
    surroundings.#browser = await browser.newBrowserCDPSession();
    surroundings.#device = device;
    await surroundings.attach();
    return surroundings;
  }

  /** To be called when the device has opened another page: positions and sensors are a page's own. */
  async attach() {
    this.#page = await this.#device.protocol();
    this.#target = (await this.#page.send("Target.getTargetInfo")).targetInfo;
  }

  /** Has the person decide: `granted`, `denied`, or `prompt` for a decision that is taken back. */
  async setPermission(name, setting) {
    await this.#browser.send("Browser.setPermission", {
      permission: { name },
      setting,
      browserContextId: this.#target.browserContextId,
    });
  }

  /** Moves the device. */
  async moveTo(latitude, longitude) {
    await this.#page.send("Emulation.setGeolocationOverride", { latitude, longitude, accuracy: 10 });
  }

  /** Has the device find out no more where it is. */
  async losePosition() {
    await this.#page.send("Emulation.setGeolocationOverride", {});
  }

  /** Gives the device motion sensors, which tell these values on each axis. */
  async shake(x, y, z) {
    for (const type of MOTION_SENSORS) {
      await this.#page.send("Emulation.setSensorOverrideEnabled", { type, enabled: true });
      await this.#page.send("Emulation.setSensorOverrideReadings", { type, reading: { xyz: { x, y, z } } });
    }
  }

  /** Lets the page's origin store so many bytes in all; as many as there are without an argument. */
  async setRoom(quotaSize) {
    const { origin } = new URL(this.#target.url);
    await this.#page.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
  }
}
