// The time until a door opens, as one reads it off a clock.

const two = (number) => String(number).padStart(2, "0");

/** `seconds` as hours, minutes and seconds; whole days stand before them in words. */
export function countdown(seconds) {
  const days = Math.floor(seconds / 86_400);
  const clock = [Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60, seconds % 60];
  const words = days ? `${days} ${days === 1 ? "day" : "days"}, ` : "";
  return words + clock.map(two).join(":");
}
