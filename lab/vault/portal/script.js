// The portal's memory: asks the vault, hears what changes, carries out what somebody decides.
import * as view from "/view.js";

const state = { about: null, items: null, jobs: null, plans: null, fabrics: null, events: null, points: new Map() };
let token = sessionStorage.getItem("twinsite-token") || "";
let base = null; // "/vaults/NAME/"
let clock = null; // {at: performance.now(), now: ms, speed}
const opened = new Set(); // jobs whose tasks are shown

// ---- asking ----

class Refused extends Error {
  constructor(status, error) {
    super(error.message || `The vault answered ${status}.`);
    this.status = status;
    this.advice = error.recommendedAction || "";
  }
}

async function fetchIt(method, path, body) {
  const headers = { Accept: "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "omit" });
}

async function ask(method, path, body) {
  const answer = await fetchIt(method, path, body);
  if (answer.status === 401) {
    await askForToken(token !== "");
    return ask(method, path, body);
  }
  const text = await answer.text();
  const said = text ? JSON.parse(text) : {};
  if (!answer.ok) throw new Refused(answer.status, said.error || {});
  return said;
}

function askForToken(wrong) {
  const dialog = document.getElementById("token");
  document.getElementById("token-error").textContent = wrong ? "This token is not the vault's." : "";
  return new Promise((resolve) => {
    dialog.onclose = () => {
      token = document.getElementById("token-text").value.trim();
      sessionStorage.setItem("twinsite-token", token);
      resolve();
    };
    if (!dialog.open) dialog.showModal();
  });
}

const list = async (path) => (await ask("GET", base + path)).value || [];

const loads = {
  items: () => list("replicationProtectedItems"),
  jobs: () => list("replicationJobs"),
  plans: () => list("replicationRecoveryPlans"),
  events: () => list("replicationEvents"),
  async fabrics() {
    const fabrics = await list("replicationFabrics");
    return Promise.all(fabrics.map(async (fabric) => {
      const below = `replicationFabrics/${encodeURIComponent(fabric.name)}/`;
      const [providers, clouds] = await Promise.all([
        list(`${below}replicationRecoveryServicesProviders`), list(`${below}replicationProtectionContainers`)]);
      return { ...fabric, providers, clouds };
    }));
  },
  about: () => ask("GET", "/about"),
};

// ---- what changes ----

const due = new Set();
let loading = false;

function want(...what) {
  what.forEach((one) => due.add(one));
  if (!loading) load();
}

async function load() {
  loading = true;
  while (due.size > 0) {
    const now = [...due];
    due.clear();
    await Promise.all(now.map(async (what) => {
      try {
        const fresh = await loads[what]();
        if (what === "about") keepTime(fresh);
        if (JSON.stringify(fresh) !== JSON.stringify(state[what])) {
          state[what] = fresh;
          draw(what);
        }
      } catch (error) {
        if (state[what] === null) view.trouble(what, error.message);
      }
    }));
    await new Promise((resume) => setTimeout(resume, 300)); // no more than three times a second
  }
  loading = false;
}

function keepTime(about) {
  clock = about.clock ? { at: performance.now(), now: about.clock.nowMs, speed: about.clock.speed } : null;
}

/** The vault's own time, in milliseconds: a simulated one passes at its own speed. */
export function vaultNow() {
  return clock ? clock.now + (performance.now() - clock.at) * clock.speed : Date.now();
}

function changed(path) {
  if (path === "") return want("about", "items", "jobs", "plans", "fabrics", "events");
  if (path.includes("replicationProtectedItems")) want("items");
  if (path.startsWith("replicationJobs")) want("jobs", "items");
  if (path.startsWith("replicationRecoveryPlans")) want("plans");
  if (path.startsWith("replicationEvents")) want("events");
  if (path.startsWith("replicationFabrics") && !path.includes("replicationProtectedItems")) want("fabrics");
  if (path.startsWith("demo")) want("about");
}

async function watch() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 8000)) {
    try {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      const answer = await fetch("/events", { headers, credentials: "omit" });
      if (answer.status === 401) { await askForToken(token !== ""); continue; }
      if (!answer.ok) throw new Error("no events");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let heard = "";
      for (;;) {
        const piece = await reader.read();
        if (piece.done) break;
        heard += piece.value;
        const parts = heard.split("\n\n");
        heard = parts.pop();
        for (const part of parts) {
          if (part.includes("event: hello")) { wait = 500; view.live(true); changed(""); }
          const data = /^data: (.*)$/m.exec(part);
          if (data && part.includes("event: changed")) JSON.parse(data[1]).paths.forEach(changed);
        }
      }
    } catch { /* it is tried again */ }
    view.live(false);
    await new Promise((resume) => setTimeout(resume, wait));
  }
}

// ---- doing ----

const path = (id) => (id.startsWith("/") ? id : base + id).split("/").map(encodeURIComponent).join("/");

/** Asks whether it is meant, then does it.  offer: {title, what: [sentences], options, yes, danger, run(values)} */
async function decide(offer) {
  const values = await view.confirm(offer);
  if (!values) return;
  try {
    const answer = await offer.run(values);
    view.say(answer && answer.name && offer.begun ? offer.begun : `${offer.title}: done`);
  } catch (error) {
    view.say(`${offer.title}: ${error.message} ${error.advice || ""}`.trim());
  }
  want("items", "jobs", "plans", "about");
}

/** What a test machine at that site may be connected to: its VM networks, and new ones of its logical networks. */
async function networksOf(site) {
  const below = (list) => ask("GET", path(`replicationFabrics/${site}/${list}`));
  const [networks, logicals] = await Promise.all([below("replicationNetworks"), below("replicationLogicalNetworks")]);
  return [...(networks.value || []).filter((one) => !one.properties.madeForTest), ...(logicals.value || [])];
}

export async function act(item, operation) {
  let points = [], networks = [];
  if (operation.points) {
    try { points = (await ask("GET", `${path(item.id)}/recoveryPoints`)).value || []; } catch { /* the latest it is */ }
  }
  if (operation.network) {
    try { networks = await networksOf(view.sides(item).to); } catch { /* none it is */ }
  }
  await decide(view.itemOffer(item, operation, points, networks, (body) => ask("POST", `${path(item.id)}/${operation.verb}`, body)));
}

export async function actOnPlan(plan, operation) {
  await decide(view.planOffer(plan, operation, (body) => ask("POST", `${path(plan.id)}/${operation.verb}`, body)));
}

export async function actOnJob(job, verb) {
  await decide(view.jobOffer(job, verb, (body) => ask("POST", `${path(job.id)}/${verb}`, body)));
}

export async function press(button) {
  try {
    await ask("POST", `/demo/${button.name}`);
    view.say(button.label);
  } catch (error) {
    view.say(error.message);
  }
  want("about", "items", "fabrics", "events");
}

export function open(id, is) {
  if (is) opened.add(id); else opened.delete(id);
}

function draw(what) {
  if (what === "about") {
    base = `/vaults/${encodeURIComponent(state.about.vault)}/`;
    view.about(state.about);
  } else if (what === "items") {
    view.items(state.items);
    if (state.plans) view.plans(state.plans, state.items);
  } else if (what === "plans") view.plans(state.plans, state.items || []);
  else if (what === "jobs") view.jobs(state.jobs, opened);
  else if (what === "fabrics") view.fabrics(state.fabrics);
  else if (what === "events") view.events(state.events);
}

setInterval(() => view.tick(vaultNow(), clock !== null), 1000);
setInterval(() => want("about", "fabrics", "items"), 10000); // heartbeats; a simulated clock that is held up

try {
  state.about = await loads.about();
  keepTime(state.about);
  draw("about");
} catch { want("about"); }
watch();
