/* scenarios/cli/demo.c -- twinsite demo: a small world in the simulator, with its vault and portal, to
 * play a disaster in. */
#include <stdio.h>
#include "scenarios/cli/command.h"

#ifndef TS_HAVE_LAB
int
ts_command_demo (int argc, char **argv)
{
  int status;
  if (!ts_command_options (NULL, "", "Needs a twinsite that was built with the lab.", &argc, &argv, &status))
    return status;
  fputs ("twinsite: this twinsite was built without the lab; build it with -DTS_LAB=ON\n", stderr);
  return TS_EXIT_UNAVAILABLE;
}
#else

#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include "core/base/error.h"
#include "core/base/units.h"
#include "lab/vault/json.h"
#include "lab/vault/server.h"
#include "scenarios/cli/demo-text.h"
#include "scenarios/cli/engines.h"
#include "sim/world.h"

#define SLICE_MS 20
#define BEHIND_US (500 * TS_MS)  /* so much is caught up; what is more is let go of */
#define SET_UP_US (60 * TS_MIN)  /* of virtual time, for protecting the machines */
#define WARM_UP_US (2 * TS_MIN)  /* and until there is something to see */
#define EPOCH_US (G_GINT64_CONSTANT (1767225600) * TS_S) /* of the simulated vault's clock */
#define OURS (G_GUINT64_CONSTANT (1) << 50) /* request ids that no step of the world's has */
#define PLAN_ID (OURS << 1)

typedef struct {
  TsObserver observer; /* first: it is this */
  const TsWorldOps *ops;
  TsWorld *world;
  TsScenario *scenario;
  TsLabServer *server;
  GMainLoop *loop;
  guint speed;
  gint64 real_us, virtual_us; /* an instant on both clocks */
  const char *step;           /* that is waited for */
  gboolean step_done;
  char *failed; /* reason */
} Demo;

/* --- what the world tells --------------------------------------------------------------------- */

static void
record (TsObserver *observer, const TsRecord *record)
{
  Demo *demo = (Demo *)observer;
  if (!g_str_equal (record->kind, "step") || !demo->step ||
      g_strcmp0 (ts_record_get_text (record, "id"), demo->step) != 0)
    return;
  const char *phase = ts_record_get_text (record, "phase");
  if (g_strcmp0 (phase, "begun") == 0)
    return;
  demo->step_done = TRUE;
  observer->stop = TRUE;
  if (g_strcmp0 (phase, "done") != 0)
    demo->failed = g_strdup (ts_record_get_text (record, "reason"));
}

static void
ledger (TsObserver *observer, const TsLedgerEntry *entry)
{
}

static void
reply (TsObserver *observer, const TsVaultReply *said)
{
  Demo *demo = (Demo *)observer;
  TsVaultReply answer = *said;
  if (said->id == PLAN_ID && said->status >= 400 && !demo->failed)
    demo->failed = g_strdup ("the recovery plan was refused");
  if (!demo->server || !(said->id & OURS))
    return;
  answer.id &= ~OURS;
  ts_lab_server_reply (demo->server, &answer);
}

static void
changed (TsObserver *observer, const char *path)
{
  Demo *demo = (Demo *)observer;
  if (demo->server)
    ts_lab_server_changed (demo->server, path);
}

/* --- what people ask -------------------------------------------------------------------------- */

static void
asked (TsLabServer *server, const TsVaultRequest *request, gpointer user)
{
  Demo *demo = user;
  TsVaultRequest ours = *request;
  g_autoptr (GError) error = NULL;
  ours.id |= OURS;
  if (!ts_sim_world_request (demo->world, &ours, &error))
    ts_lab_server_fail (server, request->id, error->message);
}

typedef struct {
  const char *step;
  TsVerb verb;
  const char *target;
  TsLinkMode mode;
} Fate;

static const TsLabServerButton buttons[] = {
    {"cut-link", "Cut the link", "Nothing crosses between Paris and Lyon any more: the copies grow old."},
    {"mend-link", "Mend the link", "The sites see each other again; what waited is sent."},
    {"paris-down", "Paris loses power", "Every host and machine in Paris is off at once, its VMM server too."},
    {"paris-up", "Power is back in Paris", "Hosts start with what they had on disk."},
    {"lyon-down", "Lyon loses power", "Every host in Lyon is off at once: nothing is protected any more."},
    {"lyon-up", "Power is back in Lyon", "Hosts start with what they had on disk."},
};
static const Fate fates[] = {
    {"cut-link", TS_DO_LINK, "wan", TS_LINK_BLACKHOLE}, {"mend-link", TS_DO_LINK, "wan", TS_LINK_UP},
    {"paris-down", TS_DO_SITE_DOWN, "paris", 0},        {"paris-up", TS_DO_SITE_UP, "paris", 0},
    {"lyon-down", TS_DO_SITE_DOWN, "lyon", 0},          {"lyon-up", TS_DO_SITE_UP, "lyon", 0},
};
G_STATIC_ASSERT (G_N_ELEMENTS (fates) == G_N_ELEMENTS (buttons));

static gboolean
pressed (guint index, gpointer user, GError **error)
{
  Demo *demo = user;
  const Fate *fate = &fates[index];
  const TsTopology *topology = demo->scenario->topology;
  TsOrder order = {.step = fate->step, .verb = fate->verb, .vm = -1, .host = -1, .site = -1, .link = -1,
                   .policy = -1, .link_mode = fate->mode};
  if (fate->verb == TS_DO_LINK)
    order.link = ts_topology_find_link (topology, fate->target);
  else
    order.site = ts_topology_find_site (topology, fate->target);
  ts_lab_server_changed (demo->server, "");
  return demo->ops->order (demo->world, &order, error);
}

/* --- time ------------------------------------------------------------------------------------- */

static gint64
clock_of (guint *speed, gpointer user)
{
  Demo *demo = user;
  *speed = demo->speed;
  return EPOCH_US + demo->ops->now_us (demo->world);
}

static gboolean
go_on (gpointer user)
{
  Demo *demo = user;
  g_autoptr (GError) error = NULL;
  gint64 now_us = g_get_monotonic_time ();
  gint64 behind_us = now_us - demo->real_us - SLICE_MS * TS_MS;
  if (behind_us > BEHIND_US) { /* this machine is too slow for that speed: the world is, too */
    demo->real_us += behind_us - BEHIND_US;
  }
  gint64 until_us = demo->virtual_us + (now_us - demo->real_us) * demo->speed;
  if (!demo->ops->run_until (demo->world, until_us, &error)) {
    demo->failed = g_strdup (error->message);
    g_main_loop_quit (demo->loop);
    return G_SOURCE_REMOVE;
  }
  demo->virtual_us = until_us;
  demo->real_us = now_us;
  return G_SOURCE_CONTINUE;
}

static gboolean
end (gpointer user)
{
  g_main_loop_quit (user);
  return G_SOURCE_CONTINUE;
}

/* --- life ------------------------------------------------------------------------------------- */

#define ITEM "{\"id\": \"replicationFabrics/paris/replicationProtectionContainers/paris-gold/replicationProtectedItems/"
static const char plan_text[] =
    "{\"properties\": {\"primaryFabricId\": \"replicationFabrics/paris\", \"recoveryFabricId\": "
    "\"replicationFabrics/lyon\", \"groups\": ["
    "{\"groupType\": \"Boot\", \"replicationProtectedItems\": [" ITEM "database\"}]},"
    "{\"groupType\": \"Boot\", \"replicationProtectedItems\": [" ITEM "shop\"}], \"endGroupActions\": ["
    "{\"actionName\": \"Look whether the shop takes orders\", \"customDetails\": {\"instanceType\": "
    "\"ManualActionDetails\", \"description\": \"Open the shop and order something; then confirm it here.\"}}]},"
    "{\"groupType\": \"Boot\", \"replicationProtectedItems\": [" ITEM "web\"}], \"endGroupActions\": ["
    "{\"actionName\": \"Point DNS to this site\", \"customDetails\": {\"instanceType\": "
    "\"ScriptActionDetails\", \"path\": \"point-dns-here\"}}]}]}}";

/* At full speed, before anybody looks: the machines are protected, and the plan is made. */
static gboolean
set_up (Demo *demo, GError **error)
{
  for (guint i = 0; i < demo->scenario->steps->len; i++) {
    const TsStep *step = ts_scenario_step (demo->scenario, i);
    demo->step = step->id;
    demo->step_done = FALSE;
    if (!demo->ops->order (demo->world, &step->order, error))
      return FALSE;
    gint64 limit_us = demo->ops->now_us (demo->world) + SET_UP_US;
    if (!demo->step_done && !demo->ops->run_until (demo->world, limit_us, error))
      return FALSE;
    if (!demo->step_done && !demo->failed)
      demo->failed = g_strdup ("it takes too long");
    if (demo->failed)
      return ts_throw (error, TS_ERROR_INTERNAL, "protecting %s: %s", step->id, demo->failed);
  }
  demo->step = NULL;
  g_autoptr (GVariant) body = ts_json_parse (plan_text, strlen (plan_text), error);
  const TsVaultRequest plan = {PLAN_ID, TS_VAULT_PUT, "replicationRecoveryPlans/whole-shop", body};
  return body && ts_sim_world_request (demo->world, &plan, error) &&
         demo->ops->run_until (demo->world, demo->ops->now_us (demo->world) + WARM_UP_US, error);
}

static int
play (Demo *demo, guint16 port)
{
  static const TsLabServerEvents events = {asked, pressed, clock_of};
  const TsLabServerOptions options = {.port = port, .vault = "vault", .buttons = buttons,
                                      .button_count = G_N_ELEMENTS (buttons)};
  g_autoptr (GError) error = NULL;
  demo->server = ts_lab_server_new (&options, &events, demo, &error);
  if (!demo->server)
    return ts_command_error (error);
  g_autofree char *url = ts_lab_server_url (demo->server);
  printf ("Two sites are running in the simulator; Paris is replicated to Lyon.\n"
          "Open %s in a browser, cut the link or take Paris's power, and fail over.\n"
          "Or ask from another shell: twinsite vault items --url %s\nCtrl-C ends it.\n",
          url, url);
  fflush (stdout);
  demo->real_us = g_get_monotonic_time ();
  demo->virtual_us = demo->ops->now_us (demo->world);
  guint sources[] = {g_timeout_add (SLICE_MS, go_on, demo), g_unix_signal_add (SIGINT, end, demo->loop),
                     g_unix_signal_add (SIGTERM, end, demo->loop)};
  g_main_loop_run (demo->loop);
  for (guint i = demo->failed ? 1 : 0; i < G_N_ELEMENTS (sources); i++)
    g_source_remove (sources[i]);
  g_clear_pointer (&demo->server, ts_lab_server_free);
  if (!demo->failed)
    return TS_EXIT_PASSED;
  fprintf (stderr, "twinsite: the world has ended: %s\n", demo->failed);
  return TS_EXIT_INTERNAL;
}

static int
begin (Demo *demo, guint16 port)
{
  g_autoptr (TsProblems) problems = ts_problems_new ("demo.yaml");
  g_autoptr (GError) error = NULL;
  const TsWorldOptions options = {.limit_us = TS_NEVER};
  demo->ops = ts_engine_find ("sim", &error);
  demo->scenario = ts_scenario_parse ("demo.yaml", demo_text, strlen (demo_text), NULL, problems);
  if (!demo->scenario)
    return ts_command_problems (problems);
  demo->world = demo->ops->start (demo->scenario->topology, &options, &demo->observer, &error);
  int status = TS_EXIT_INTERNAL;
  if (demo->world && set_up (demo, &error))
    status = play (demo, port);
  if (error)
    status = ts_command_error (error);
  demo->ops->free (demo->world);
  return status;
}

int
ts_command_demo (int argc, char **argv)
{
  gint port = TS_LAB_SERVER_PORT, speed = 1;
  const GOptionEntry entries[] = {
      {"port", 0, 0, G_OPTION_ARG_INT, &port, "of the portal, on 127.0.0.1 (8480); 0: any that is free", "PORT"},
      {"speed", 0, 0, G_OPTION_ARG_INT, &speed, "so many times as fast as real time, 1 to 100 (1)", "N"},
      G_OPTION_ENTRY_NULL,
  };
  int status;
  if (!ts_command_options (entries, "",
                           "Starts a small world of two sites in the simulator, with its vault and portal, to play "
                           "a disaster in: nothing real is touched.",
                           &argc, &argv, &status))
    return status;
  if (argc > 1)
    return ts_command_usage ("demo", "'%s' is not expected", argv[1]);
  if (port < 0 || port > 65535)
    return ts_command_usage ("demo", "--port: 0 to 65535");
  if (speed < 1 || speed > 100)
    return ts_command_usage ("demo", "--speed: 1 to 100");
  Demo demo = {.observer = {record, ledger, reply, changed, FALSE}, .speed = (guint)speed,
               .loop = g_main_loop_new (NULL, FALSE)};
  status = begin (&demo, (guint16)port);
  ts_scenario_free (demo.scenario);
  g_main_loop_unref (demo.loop);
  g_free (demo.failed);
  return status;
}
#endif
