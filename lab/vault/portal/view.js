// The portal's pages: what is shown, and what is said before anything is done.
import { act, actOnPlan, actOnJob, press, open, vaultNow } from "/portal.js";

const $ = (id) => document.getElementById(id);

/** h("p", {class: "x"}, "text", child, ...): an element.  Text is only ever text. */
function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Puts children into a section; whoever had the focus keeps it. */
function put(section, ...children) {
  const place = $(section).querySelector(".content");
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  place.replaceChildren(...children);
  if (key) [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key)?.focus();
}

const props = (resource) => resource.properties || {};
const title = (resource) => props(resource).friendlyName || resource.name;
/** The same resource, whether it is named by its id or by its path below the vault. */
const plain = (id) => (id || "").replace(/^\/vaults\/[^/]*\//, "");
const last = (id) => (id || "").split("/").pop();

const tone = (word) => ({
  Normal: "good", Connected: "good", Succeeded: "good", Protected: "good", Up: "good",
  Warning: "warn", Suspended: "warn", Cancelled: "warn",
  Critical: "bad", Failed: "bad", Disconnected: "bad", Down: "bad", NotConnected: "bad",
  InProgress: "busy",
})[word] || "";

const words = (text) => (text || "").replace(/([a-z])([A-Z])/g, (_, a, b) => `${a} ${b.toLowerCase()}`);
const status = (word, text) => h("span", { class: `status ${tone(word)}` }, text || words(word) || "Unknown");

function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
  return `${Math.floor(s / 86400)} days`;
}

const ms = (time) => (time ? Date.parse(time) : NaN);

/** A span that says how long ago that was, and goes on saying it. */
function ago(time, before = "", after = " ago") {
  if (Number.isNaN(ms(time))) return h("span", {}, "–");
  const element = h("span", { class: "number", "data-since": String(ms(time)), "data-before": before, "data-after": after });
  retell(element, vaultNow());
  return element;
}

function retell(element, now) {
  element.textContent = element.dataset.before + duration(now - Number(element.dataset.since)) + element.dataset.after;
}

const clockText = (time) => (time ? new Date(time).toISOString().slice(0, 19).replace("T", " ") : "");

export function tick(now, simulated) {
  document.querySelectorAll("[data-since]").forEach((element) => retell(element, now));
  if (simulated) $("clock").textContent = `Simulated time ${new Date(now).toISOString().slice(11, 19)}`;
}

export function live(is) {
  const element = $("live");
  element.className = `status quiet ${is ? "good" : "bad"}`;
  element.textContent = is ? "Live" : "The vault does not answer";
}

export function say(text) {
  const line = h("p", {}, text);
  $("said").append(line);
  setTimeout(() => line.remove(), 7000);
}

export function trouble(what, text) {
  const section = { items: "items", jobs: "jobs", plans: "plans", fabrics: "sites", events: "happened" }[what];
  if (section) put(section, h("p", { class: "note bad" }, text));
}

export function about(said) {
  $("vault").textContent = said.vault;
  document.title = `${said.vault} – twinsite vault`;
  const buttons = said.buttons || [];
  $("demo").hidden = buttons.length === 0;
  if ($("demo-buttons").childElementCount !== buttons.length)
    $("demo-buttons").replaceChildren(...buttons.map((button) =>
      h("button", { "data-key": button.name, title: button.help, onclick: () => press(button) }, button.label)));
}

// ---- sites ----

function host(one, item) {
  const up = one.connected === undefined ? one.state !== "Down" : one.connected;
  return h("li", {}, h("span", {}, one.name), status(up ? "Up" : "Down", up ? "Answers" : "Does not answer"));
}

export function fabrics(all) {
  if (all.length === 0) return put("sites", h("p", { class: "card empty" }, "No VMM server is registered. A registration key is made by: twinsite vault key"));
  put("sites", h("div", { class: "grid" }, all.map((fabric) => {
    const provider = fabric.providers[0] ? props(fabric.providers[0]) : {};
    const connection = provider.connectionStatus || props(fabric).connectionStatus;
    const hosts = (props(fabric).customDetails || {}).hosts || [];
    return h("article", { class: "card site" },
      h("div", { class: "top" }, h("h3", {}, title(fabric)), status(connection)),
      h("p", { class: "quiet" }, provider.lastHeartBeat ? ago(provider.lastHeartBeat, "Last heartbeat ") : "No heartbeat yet"),
      h("p", { class: "quiet" }, fabric.clouds.length === 1 ? "Cloud: " : "Clouds: ", fabric.clouds.map(title).join(", ") || "none"),
      hosts.length > 0 && h("ul", { class: "plain hosts", "aria-label": `Hosts of ${title(fabric)}` }, hosts.map((one) => host(one))));
  })));
}

// ---- protected machines ----

/** What the operations are called, what each does to data, and how it is asked for. */
const operations = {
  TestFailover: { verb: "testFailover", label: "Test failover", points: true, network: true,
    what: (n) => [`A second, isolated machine starts at ${n.to}, from the recovery point below.`,
      "Nothing is changed at either site: the machine writes to disks of its own, and replication goes on. Applying waits until the test is ended."] },
  TestFailoverCleanup: { verb: "testFailoverCleanup", label: "End test", comments: true,
    what: () => ["The test machine is turned off and deleted, with all that was written on it. Applying catches up."] },
  PlannedFailover: { verb: "plannedFailover", label: "Planned failover", direction: true,
    what: (n) => [`${n.name} is shut down at ${n.from}, its last changes are sent, and the copy starts at ${n.to}.`,
      "No data is lost. It does not serve from the shutdown until the copy has started."] },
  UnplannedFailover: { verb: "unplannedFailover", label: "Failover", danger: true, points: true, syncFirst: true, direction: true,
    what: (n) => [`The copy starts at ${n.to}, whether ${n.from} still runs or not.`,
      n.age ? `Data is lost: whatever was written after the recovery point. The newest is ${n.age} old.`
        : "Data is lost: whatever was written after the recovery point."] },
  Failback: { verb: "plannedFailover", label: "Failback", direction: true,
    what: (n) => [`${n.name} is shut down at ${n.from}, its last changes are sent, and it starts at ${n.to} again.`, "No data is lost."] },
  Commit: { verb: "failoverCommit", label: "Commit",
    what: () => ["The failover becomes final. All other recovery points are deleted, and it cannot be cancelled any more.", "What runs now is not touched."] },
  CancelFailover: { verb: "failoverCancel", label: "Cancel failover", danger: true,
    what: (n) => [`The copy is turned off, and everything that was written on it since the failover is thrown away.`,
      `${n.name} is again what it was at ${n.other}; it is started there by you.`] },
  ChangePit: { verb: "applyRecoveryPoint", label: "Change point", danger: true, points: true,
    what: () => ["The copy is turned off and started anew from the recovery point below.", "Everything that was written on it since the failover is thrown away."] },
  ReverseReplicate: { verb: "reProtect", label: "Reverse replicate", direction: true,
    what: (n) => [`From now on ${n.from} is the source, and its changes go to ${n.other}.`,
      `The old disks at ${n.other} become the replica: what is only there is overwritten. A failover that is not committed is committed first.`] },
  RepairReplication: { verb: "repairReplication", seldom: true, label: "Resynchronize",
    what: () => ["Both sides are compared, and what differs is sent.", "Afterwards there is one recovery point, the newest; all others are gone. Until then a planned failover is refused."] },
  Pause: { verb: "pauseReplication", seldom: true, label: "Pause",
    what: () => ["Changes are still tracked, and sent when it is resumed. Until then the copy grows old."] },
  Resume: { verb: "resumeReplication", label: "Resume", what: () => ["What was tracked meanwhile is sent."] },
  DisableProtection: { verb: "remove", seldom: true, label: "Disable", danger: true,
    what: (n) => [`Replication of ${n.name} ends on both sides; its recovery points are gone. The machine goes on running.`,
      "The replica is deleted if the policy says so, and stays as it is otherwise."] },
};
const first = ["CancelFailover", "Commit", "ReverseReplicate", "TestFailoverCleanup", "TestFailover", "PlannedFailover", "UnplannedFailover"];

/** Where it runs, and where its copy is. */
export function sides(item) {
  const p = props(item);
  const primary = p.primaryFabricFriendlyName || "the primary site", recovery = p.recoveryFabricFriendlyName || "the recovery site";
  const there = p.activeLocation === "Recovery";
  const from = there ? recovery : primary, to = there ? primary : recovery;
  const newest = (p.providerSpecificDetails || {}).lastReplicatedTime;
  return { name: title(item), from, to, other: to, direction: there ? "RecoveryToPrimary" : "PrimaryToRecovery",
    age: newest ? duration(vaultNow() - ms(newest)) : "" };
}

const unfolded = new Set(); // "More" that are open

const dangerous = (operation) => operation.danger;

function itemButtons(item) {
  const allowed = props(item).allowedOperations || [];
  const shown = allowed.filter((name) => operations[name]);
  shown.sort((a, b) => (first.indexOf(a) + 99) % 99 - (first.indexOf(b) + 99) % 99);
  const button = (name) => h("button", { class: dangerous(operations[name]) ? "danger" : "", "data-key": `${item.id}:${name}`,
    "aria-label": `${operations[name].label}: ${title(item)}`, onclick: () => act(item, operations[name]) }, operations[name].label);
  const seldom = shown.filter((name) => operations[name].seldom), often = shown.filter((name) => !operations[name].seldom);
  const key = `${item.id}:more`;
  return [...often.map(button), seldom.length > 0 && h("details", { class: "more", open: unfolded.has(key),
    ontoggle: (event) => (event.target.open ? unfolded.add(key) : unfolded.delete(key)) },
    h("summary", { "data-key": key, "aria-label": `More for ${title(item)}` }, "More"), h("div", { class: "buttons" }, seldom.map(button)))];
}

function itemTrouble(item) {
  const errors = props(item).healthErrors || [];
  return errors.slice(0, 3).map((error) => h("div", { class: `note trouble ${tone(error.errorLevel || props(item).replicationHealth)}` },
    h("p", {}, error.errorMessage || error.message || words(error.errorCode)),
    error.recommendedAction && h("p", { class: "quiet" }, error.recommendedAction)));
}

function place(p, details, way) {
  const one = (site, host) => (host ? `${host} (${site})` : site);
  const over = details.replicaOn; // the copy has taken over, and replication is not reversed yet
  const nic = (details.vmNics || [])[0] || {};
  const network = over ? details.replicaNetwork : details.sourceNetwork, address = over ? nic.replicaAddress : nic.sourceAddress;
  const leftOut = (details.vMDiskDetails || []).filter((disk) => !disk.replicated).map((disk) => disk.vhdName);
  const more = [];
  if (network) more.push(`Network ${network}${address ? `, ${address}` : ""}`);
  if (details.testNetwork) more.push(`Test machine on ${details.testNetwork}`);
  if (leftOut.length > 0 && details.vmProtectionState !== "disabled") more.push(`Not replicated: ${leftOut.join(", ")}`);
  return [`Runs on ${one(way.from, over ? details.replicaHost : details.sourceHost)}`,
    `${over ? "Was on" : "Copy on"} ${one(way.to, over ? details.sourceHost : details.replicaHost)}`, ...more];
}

export function items(all) {
  if (all.length === 0) return put("items", h("p", { class: "card empty" }, "Nothing is protected yet."));
  put("items", h("div", { class: "card" }, all.map((item) => {
    const p = props(item), details = p.providerSpecificDetails || {}, way = sides(item);
    const current = p.currentScenario || {};
    const scenario = current.scenarioName && current.jobId ? words(current.scenarioName) : "";
    const progress = details.initialReplicationDetails && details.initialReplicationDetails.initialReplicationProgressPercentage;
    return h("article", { class: "item", "aria-label": title(item) },
      h("div", { class: "name" }, h("h3", {}, title(item)), place(p, details, way).map((line) => h("p", { class: "quiet" }, line))),
      h("dl", {}, h("dt", {}, "State"), h("dd", {}, p.protectionStateDescription || words(p.protectionState)),
        scenario && h("dd", {}, status("InProgress", scenario)),
        p.testFailoverState && p.testFailoverState !== "None" && h("dd", { class: "quiet" }, "Test machine runs"),
        progress !== undefined && progress !== "" && Number(progress) < 100 && h("dd", { class: "quiet number" }, `Initial copy ${progress} %`)),
      h("dl", {}, h("dt", {}, "Health"), h("dd", {}, status(p.replicationHealth))),
      h("dl", {}, h("dt", {}, "Newest point"), h("dd", {}, ago(details.lastReplicatedTime, "", " old"))),
      h("div", { class: "buttons" }, itemButtons(item)), itemTrouble(item));
  })));
}

// ---- jobs ----

const tasksOf = (one) => one.tasks || (one.groupTaskCustomDetails || {}).childTasks || [];

function took(one) {
  if (!one.startTime) return h("span", { class: "when quiet" }, "");
  if (!one.endTime) return h("span", { class: "when quiet" }, ago(one.startTime, "for ", ""));
  return h("span", { class: "when quiet number" }, duration(ms(one.endTime) - ms(one.startTime)));
}

function errorsOf(one) {
  return (one.errors || []).map((error) => {
    const service = error.serviceErrorDetails || error.providerErrorDetails || error;
    return h("div", { class: "note bad" }, h("p", {}, service.message || service.errorMessage || words(service.code)),
      service.possibleCauses && h("p", { class: "quiet" }, service.possibleCauses),
      service.recommendedAction && h("p", { class: "quiet" }, service.recommendedAction));
  });
}

function tasks(list) {
  return h("ul", { class: "tasks" }, list.map((task) => h("li", {},
    h("div", { class: "task" }, h("span", {}, task.friendlyName || words(task.name || task.taskId)), took(task), status(task.state)),
    task.state === "Suspended" && h("p", { class: "note warn" }, task.description || "Waits until somebody confirms it."),
    task.output && h("p", { class: "quiet" }, `It said: ${task.output.trim().slice(0, 300)}`),
    errorsOf(task), tasksOf(task).length > 0 && tasks(tasksOf(task)))));
}

function jobState(p) {
  if (p.state === "InProgress") return `${p.progressPercentage} %`;
  if (p.state === "Suspended") return "Waits for somebody";
  const more = p.stateDescription || "";
  return words(p.state) + (more && more !== "Completed" && more !== p.state ? `, ${words(more).toLowerCase()}` : "");
}

const jobVerbs = { Cancel: "cancel", Resume: "resume", Restart: "restart" };
const jobLabels = { cancel: "Cancel", resume: "Confirm and go on", restart: "Run again" };

export function jobs(all, opened) {
  if (all.length === 0) return put("jobs", h("p", { class: "card empty" }, "No job has run yet."));
  put("jobs", h("div", { class: "card" }, all.slice(0, 30).map((job) => {
    const p = props(job), id = job.id;
    const known = opened.has(id), busy = p.state === "InProgress" || p.state === "Suspended";
    const details = h("details", { class: "row", open: known || busy, ontoggle: (event) => open(id, event.target.open) },
      h("summary", { "data-key": id }, h("span", { class: "what" }, `${p.friendlyName || words(p.scenarioName)}${p.targetObjectName ? `: ${p.targetObjectName}` : ""}`),
        h("span", { class: "when quiet" }, p.startTime ? ago(p.startTime) : ""), status(p.state, jobState(p))),
      tasks(tasksOf(p)), tasksOf(p).length === 0 && errorsOf(p),
      h("div", { class: "buttons" }, (p.allowedActions || []).map((action) => jobVerbs[action] || action.toLowerCase()).filter((verb) => jobLabels[verb])
        .map((verb) => h("button", { class: verb === "resume" ? "primary" : verb === "cancel" ? "danger" : "", "data-key": `${id}:${verb}`,
          "aria-label": `${jobLabels[verb]}: ${p.friendlyName || p.scenarioName}`, onclick: () => actOnJob(job, verb) }, jobLabels[verb]))));
    return details;
  })));
}

// ---- plans ----

const planVerbs = {
  TestFailover: "testFailover", TestFailoverCleanup: "testFailoverCleanup", PlannedFailover: "plannedFailover",
  UnplannedFailover: "unplannedFailover", Commit: "failoverCommit", CancelFailover: "failoverCancel", ReverseReplicate: "reProtect",
};

/** What at least one of its machines allows. */
function planOperations(p, items) {
  const ids = new Set((p.groups || []).flatMap((group) => (group.replicationProtectedItems || []).map((one) => plain(one.id))));
  const allowed = new Set(items.filter((item) => ids.has(plain(item.id))).flatMap((item) => props(item).allowedOperations || []));
  return first.filter((name) => planVerbs[name] && allowed.has(name));
}

export function plans(all, items) {
  if (all.length === 0) return put("plans", h("p", { class: "card empty" }, "No recovery plan has been made."));
  const names = new Map(items.map((item) => [plain(item.id), title(item)]));
  put("plans", h("div", { class: "grid" }, all.map((plan) => {
    const p = props(plan);
    const groups = (p.groups || []).filter((group) => group.groupType === "Boot");
    const step = (action) => h("li", { class: "quiet" }, `${(action.customDetails || {}).instanceType === "ManualActionDetails" ? "By hand" : "Script"}: ${action.actionName}`);
    return h("article", { class: "card site", "aria-label": title(plan) },
      h("div", { class: "top" }, h("h3", {}, title(plan))),
      h("p", { class: "quiet" }, `${p.primaryFabricFriendlyName || last(p.primaryFabricId)} to ${p.recoveryFabricFriendlyName || last(p.recoveryFabricId)}`),
      groups.map((group, index) => h("div", {}, h("p", {}, `Group ${index + 1}: ${(group.replicationProtectedItems || []).map((one) => names.get(plain(one.id)) || last(one.id)).join(", ") || "nothing"}`),
        h("ul", { class: "plain" }, [...(group.startGroupActions || []), ...(group.endGroupActions || [])].map(step)))),
      h("div", { class: "buttons" }, planOperations(p, items).map((name) =>
        h("button", { class: dangerous(operations[name]) ? "danger" : "", "data-key": `${plan.id}:${name}`, "aria-label": `${operations[name].label}: plan ${title(plan)}`,
          onclick: () => actOnPlan(plan, { ...operations[name], verb: planVerbs[name] }) }, operations[name].label))));
  })));
}

// ---- events ----

export function events(all) {
  if (all.length === 0) return put("happened", h("p", { class: "card empty" }, "Nothing has happened yet."));
  put("happened", h("ul", { class: "card plain events" }, all.slice(0, 25).map((event) => {
    const p = props(event);
    return h("li", {}, h("span", { class: "quiet number" }, clockText(p.timeOfOccurrence)), status(p.severity),
      h("span", {}, p.affectedObjectFriendlyName ? `${p.affectedObjectFriendlyName}: ` : "", p.description || words(p.eventType)));
  })));
}

// ---- before it is done ----

/** Asks; resolves to the chosen options, or to null. */
export function confirm(offer) {
  const dialog = $("confirm"), yes = $("confirm-yes");
  $("confirm-title").textContent = offer.title;
  $("confirm-what").replaceChildren(...offer.what.map((sentence) => h("p", {}, sentence)));
  $("confirm-options").replaceChildren(...offer.options);
  $("confirm-error").textContent = "";
  yes.textContent = offer.yes;
  yes.className = offer.danger ? "primary danger" : "primary";
  return new Promise((resolve) => {
    dialog.returnValue = "cancel";
    dialog.onclose = () => {
      if (dialog.returnValue !== "ok") return resolve(null);
      const values = {};
      dialog.querySelectorAll("[name]").forEach((field) => { values[field.name] = field.type === "checkbox" ? field.checked : field.value; });
      resolve(values);
    };
    dialog.showModal();
    (offer.danger ? $("confirm-no") : yes).focus(); // Enter does no harm
  });
}

function pointOption(points) {
  const options = [h("option", { value: "Latest" }, "The latest"), h("option", { value: "LatestApplicationConsistent" }, "The latest application-consistent")];
  points.forEach((point) => options.push(h("option", { value: point.id },
    `${clockText(props(point).recoveryPointTime)}, ${words(props(point).recoveryPointType).toLowerCase()}`)));
  return h("label", {}, "Recovery point", h("select", { name: "point" }, options));
}

function networkOption(networks) {
  const options = [h("option", { value: "" }, "None: not connected")];
  networks.forEach((network) => options.push(network.type === "logicalNetwork"
    ? h("option", { value: `CreateNetworkAsInput ${network.id}` }, `A new one of ${title(network)}, deleted with the test`)
    : h("option", { value: `VmNetworkAsInput ${network.id}` }, `${title(network)} (use an isolated one)`)));
  return h("label", {}, "Network of the test machine", h("select", { name: "network" }, options));
}

export function itemOffer(item, operation, points, networks, post) {
  const way = sides(item), options = [];
  if (operation.points) options.push(pointOption(points));
  if (operation.network && networks.length > 0) options.push(networkOption(networks));
  if (operation.syncFirst) options.push(h("label", { class: "tick" }, h("input", { type: "checkbox", name: "sync" }), h("span", {}, `Try to shut down at ${way.from} and to send the last changes first`)));
  if (operation.comments) options.push(h("label", {}, "What was seen (kept with the job)", h("input", { type: "text", name: "comments", maxlength: "1024" })));
  return { title: `${operation.label}: ${way.name}`, what: operation.what(way), options, yes: operation.label, danger: operation.danger,
    begun: `${operation.label} of ${way.name} has begun`, run: (values) => post(body(operation, way, values)) };
}

function body(operation, way, values) {
  const properties = {};
  if (operation.direction || operation.verb === "testFailover") properties.failoverDirection = way.direction;
  if (values.point && values.point.startsWith("Latest")) properties.recoveryPointType = values.point;
  else if (values.point) properties.recoveryPointId = values.point;
  if (operation.syncFirst) properties.sourceSiteOperations = values.sync ? "Required" : "NotRequired";
  if (operation.network) {
    const [type, id] = (values.network || "").split(" ");
    properties.networkType = type || "NoNetworkAttachAsInput";
    if (id) properties.networkId = id;
  }
  if (values.comments) properties.comments = values.comments;
  return Object.keys(properties).length > 0 ? { properties } : undefined;
}

export function planOffer(plan, operation, post) {
  const p = props(plan), way = { name: "Each machine of the plan", from: p.primaryFabricFriendlyName || "the primary site",
    to: p.recoveryFabricFriendlyName || "the recovery site", other: p.primaryFabricFriendlyName || "the other site", direction: "PrimaryToRecovery", age: "" };
  const options = [];
  if (operation.syncFirst) options.push(h("label", { class: "tick" }, h("input", { type: "checkbox", name: "sync" }), h("span", {}, "Try to shut down and to send the last changes first")));
  const careful = operation.verb === "plannedFailover" ? ["Groups start in order; the plan stops at the first error and can be run again."]
    : operation.verb === "unplannedFailover" ? ["Groups start in order; the plan runs to its end, whatever fails."] : [];
  return { title: `${operation.label}: plan ${title(plan)}`, what: [...operation.what(way), ...careful], options, yes: operation.label, danger: operation.danger,
    begun: `${operation.label} of ${title(plan)} has begun`, run: (values) => post(planBody(operation, values)) };
}

function planBody(operation, values) {
  const properties = {};
  if (operation.syncFirst) properties.sourceSiteOperations = values.sync ? "Required" : "NotRequired";
  if (operation.network) properties.networkType = "NoNetworkAttachAsInput";
  return Object.keys(properties).length > 0 ? { properties } : undefined;
}

export function jobOffer(job, verb, post) {
  const name = props(job).friendlyName || words(props(job).scenarioName);
  const what = { cancel: ["It ends where it is.", "A machine whose failover had begun is not replicated any more: replication was stopped before."],
    resume: ["You confirm that the manual action has been done; the plan goes on."],
    restart: ["What failed, and what comes after it, is run again."] }[verb];
  return { title: `${jobLabels[verb]}: ${name}`, what, options: [h("label", {}, "Comment (kept with the job)", h("input", { type: "text", name: "comments", maxlength: "1024" }))],
    yes: jobLabels[verb], danger: verb === "cancel", run: (values) => post(values.comments ? { properties: { comments: values.comments } } : undefined) };
}
