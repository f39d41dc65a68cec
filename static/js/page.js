// What the server-rendered pages do on top of plain links and forms: copying,
// dialogs, menus, generated PINs and the list of invitees. Every page works
// without this file; it only saves steps.

import { countdown } from "./countdown.js";
import { gettext, locale } from "./words.js";

const live = document.querySelector("#announce");

function announce(words) {
  if (!live) return;
  live.textContent = "";
  requestAnimationFrame(() => {
    live.textContent = words;
  });
}

/** `navigator.clipboard` needs a secure context; a selected field does not. */
async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement("textarea");
  field.value = text;
  field.style.position = "fixed";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error(gettext("This browser does not let the page copy."));
}

async function copying(button) {
  const use = button.querySelector("use");
  const before = use?.getAttribute("href");
  try {
    await copy(button.dataset.copy);
  } catch {
    announce(gettext("Copying did not work. Select the text and copy it by hand."));
    return;
  }
  announce(gettext("Copied: %(what)s", { what: button.dataset.copyWhat ?? gettext("Text") }));
  button.classList.add("copied");
  use?.setAttribute("href", before.replace(/#.*/, "#check-lg"));
  setTimeout(() => {
    button.classList.remove("copied");
    use?.setAttribute("href", before);
  }, 1600);
}

function digits(count) {
  const numbers = crypto.getRandomValues(new Uint32Array(count));
  return Array.from(numbers, (number) => number % 10).join("");
}

function generating(button) {
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.generate);
    field.value = digits(6);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    announce(gettext("New PIN: %(digits)s", { digits: Array.from(field.value).join(" ") }));
  });
}

/** The fields for a date are there only for a conference that has one, and so on: a part
 * with `data-when="name=one|other"` is there while that is chosen, inside parts that are. */
function showing(form) {
  const chosen = (name) =>
    form.querySelector(`[name="${name}"]:checked, select[name="${name}"] option:checked`)?.value;
  const apply = () => {
    for (const part of form.querySelectorAll("[data-when]")) {
      const [name, values] = part.dataset.when.split("=");
      const within = !part.parentElement.closest("[data-when][hidden]");
      const wanted = within && values.split("|").includes(chosen(name));
      part.hidden = !wanted;
      for (const field of part.querySelectorAll("input, select")) field.disabled = !wanted;
    }
  };
  form.addEventListener("change", apply);
  apply();
}

function inviteeLists(box) {
  const list = box.querySelector("[data-invitees]");
  const pattern = box.querySelector("template");
  const listen = (row) => {
    row.querySelector("[data-drop]").addEventListener("click", () => {
      const next = row.nextElementSibling ?? row.previousElementSibling;
      row.remove();
      (next?.querySelector("input") ?? box.querySelector("[data-add]")).focus();
      announce(gettext("Invitee taken off the list"));
    });
  };
  const add = () => {
    list.append(pattern.content.cloneNode(true));
    const row = list.lastElementChild;
    listen(row);
    row.querySelector("input").focus();
    return row;
  };
  for (const row of list.children) listen(row);
  box.querySelector("[data-add]").addEventListener("click", add);
  list.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.matches("input")) {
      event.preventDefault();
      add();
    }
  });
  // A pasted list becomes one row an invitee.
  list.addEventListener("paste", (event) => {
    const parts = event.clipboardData.getData("text").split(/[\n,;]+/).map((part) => part.trim());
    const some = parts.filter(Boolean);
    if (some.length < 2 || !event.target.matches("input")) return;
    event.preventDefault();
    event.target.value = some[0];
    for (const part of some.slice(1)) add().querySelector("input").value = part;
  });
}

function dialogs() {
  for (const button of document.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.opens).showModal());
  }
  for (const dialog of document.querySelectorAll("dialog[data-open]")) dialog.showModal();
}

/** A menu closes by Escape, by a click elsewhere and when focus leaves it. */
function menus() {
  const open = () => document.querySelectorAll("details.menu[open]");
  document.addEventListener("click", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of open()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
  document.addEventListener("focusin", (event) => {
    for (const menu of open()) if (!menu.contains(event.target)) menu.open = false;
  });
}

/** What the server cannot know of somebody who has chosen no zone: see `access.zone_for`. */
function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `zone=${zone}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
}

/** Where the person's device is in another zone than his account, that one is offered. */
function zoneHint(hint) {
  const field = document.querySelector("select[name=timezone]");
  const zone = offered(field, Intl.DateTimeFormat().resolvedOptions().timeZone);
  hint.hidden = !zone || ["", zone].includes(field.value);
  hint.querySelector("b").textContent = zone;
  hint.querySelector("button").addEventListener("click", () => {
    field.value = zone;
    hint.hidden = true;
    field.focus();
  });
}

/** The option that means a zone: browsers call some by the names of before. */
function offered(field, zone) {
  const known = [...field.options].map((option) => option.value);
  if (known.includes(zone)) return zone;
  return known.find((one) => calledHere(one) === zone);
}

/** What this browser calls a zone; nothing where it does not know it. */
function calledHere(timeZone) {
  try {
    return Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return null;
  }
}

/** A guest reads times of a conference in the zone that his device is in. */
function localTime(mark) {
  const moment = new Date(mark.dateTime);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const sameDay = moment.toDateString() === new Date().toDateString();
  const date = sameDay
    ? gettext("today")
    : moment.toLocaleDateString(locale(), { weekday: "long", day: "numeric", month: "long" });
  const time = moment.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
  mark.textContent = gettext("%(date)s at %(time)s (%(zone)s)", { date, time, zone });
}

/** A door that is shut for now: looks again when it should open, and now and then. */
function waiting(door) {
  const opens = Number(door.dataset.opens) * 1000;
  const left = () => (opens ? Math.max(opens - Date.now(), 0) : 15000);
  const clock = door.querySelector("[data-countdown]");
  const tick = () => {
    const seconds = Math.ceil(left() / 1000);
    clock.textContent = countdown(seconds);
  };
  if (clock && opens) {
    tick();
    setInterval(tick, 1000);
  }
  // Timers hold at most 2^31 ms; a day is enough, then look again.
  setTimeout(() => location.reload(), Math.min(left() + 400, 86_400_000));
}

// Some parts of a page come later, so these are listened for on the whole of it.
document.addEventListener("click", ({ target }) => {
  const copied = target.closest("[data-copy]");
  if (copied && !copied.classList.contains("copied")) copying(copied);
  target.closest("[data-closes]")?.closest("dialog").close();
});
tellZone();
for (const field of document.querySelectorAll("[aria-invalid=true]")) {
  const folded = field.closest("details");
  if (folded) folded.open = true;
}
document.querySelectorAll("[data-generate]").forEach(generating);
document.querySelectorAll("form[data-shows]").forEach(showing);
document.querySelectorAll("[data-invitee-list]").forEach(inviteeLists);
document.querySelectorAll("[data-zone-hint]").forEach(zoneHint);
document.querySelectorAll("time[data-local]").forEach(localTime);
document.querySelectorAll("[data-waiting]").forEach(waiting);
for (const button of document.querySelectorAll("[data-reload]")) {
  button.addEventListener("click", () => location.reload());
}
// Once the parts that are not wanted are hidden.
document.querySelector("form [aria-invalid=true]:enabled")?.focus();
dialogs();
menus();
