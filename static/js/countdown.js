// The time until a door opens, as one reads it off a clock.

import { ngettext } from "./words.js";

const two = (number) => String(number).padStart(2, "0");

/** `seconds` as hours, minutes and seconds; whole days stand before them in words. */
export function countdown(seconds) {
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const time = clock.map(two).join(":");
  return days ? ngettext("%(count)s day, %(time)s", "%(count)s days, %(time)s", days, { time }) : time;
}
