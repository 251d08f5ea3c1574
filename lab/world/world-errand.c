/* lab/world/world-errand.c -- the operator outside all sites, who plays a scenario's steps against the
 * vault's REST interface (core/vault/errand.h).  Twin of sim/operator.c. */
#include "core/base/error.h"
#include "core/base/units.h"
#include "core/vault/errand.h"
#include "lab/world/world-internal.h"

typedef struct {
  TsWorld *world;
  TsErrand *errand;
  TsLabTimer *timer;
  gboolean over;
  guint64 asked; /* counts requests: an answer to one that was given up is not heard */
} Errand;

typedef struct {
  Errand *errand;
  guint64 asked;
} Question;

void
ts_lab_errand_free (gpointer data)
{
  Errand *errand = data;
  ts_lab_timer_free (errand->timer);
  ts_errand_free (errand->errand);
  g_free (errand);
}

static void go_on (Errand *errand);

static void
ended (Errand *errand)
{
  static const char *const phases[] = {"begun", "done", "refused", "failed"};
  TsWorld *world = errand->world;
  TsErrandPhase phase = ts_errand_phase (errand->errand);
  errand->over = TRUE;
  if (ts_errand_step_id (errand->errand)) {
    ts_lab_world_step (world, ts_errand_step_id (errand->errand), ts_errand_verb (errand->errand), phases[phase],
                       ts_errand_reason (errand->errand));
    return;
  }
  if (phase == TS_ERRAND_DONE)
    world->prepared = TRUE;
  else
    ts_lab_world_break (world, "the vault cannot be made ready: %s", ts_errand_reason (errand->errand));
}

static void
answered (TsLabAnswer *answer, const GError *error, gpointer user)
{
  g_autofree Question *question = user;
  Errand *errand = question->errand;
  gint64 now_us = ts_lab_world_now_us (errand->world);
  if (errand->over || question->asked != errand->asked)
    return;
  if (error)
    ts_errand_unheard (errand->errand, now_us);
  else {
    g_autofree char *location = answer->job ? g_strconcat ("replicationJobs/", answer->job, NULL) : NULL;
    const TsVaultReply reply = {.status = answer->status, .body = answer->body, .location = location};
    ts_errand_hear (errand->errand, now_us, &reply);
  }
  char *name = NULL;
  g_autofree char *key = ts_errand_take_key (errand->errand, &name);
  g_autofree char *vmm = name;
  if (key)
    ts_lab_management_give_key (errand->world, vmm, key);
  go_on (errand);
}

static void
go_on (Errand *errand)
{
  TsWorld *world = errand->world;
  TsVaultRequest request;
  if (errand->over)
    return;
  gint64 now_us = ts_lab_world_now_us (world);
  while (ts_errand_next (errand->errand, now_us, &request)) {
    if (!ts_lab_management_up (world->management)) {
      ts_errand_unheard (errand->errand, now_us);
      continue;
    }
    Question *question = g_new0 (Question, 1);
    *question = (Question){errand, ++errand->asked};
    ts_lab_client_begin (ts_lab_management_client (world->management), request.method, request.path,
                         request.body, answered, question);
  }
  if (ts_errand_phase (errand->errand) != TS_ERRAND_RUNNING)
    ended (errand);
  else
    ts_lab_timer_set (errand->timer, ts_errand_wake_us (errand->errand));
}

static void
again (gpointer user)
{
  go_on (user);
}

static void
begin (TsWorld *world, TsErrand *what)
{
  Errand *errand = g_new0 (Errand, 1);
  errand->world = world;
  errand->errand = what;
  errand->timer = ts_lab_timer_new (&world->clock, again, errand);
  g_ptr_array_add (world->errands, errand);
  ts_lab_timer_set (errand->timer, ts_lab_world_now_us (world)); /* not within the order */
}

void
ts_lab_errand_begin (TsWorld *world, const TsOrder *order)
{
  begin (world, ts_errand_new (world->topology, order));
}

void
ts_lab_errands_prepare (TsWorld *world)
{
  begin (world, ts_errand_prepare (world->topology));
}

gboolean
ts_lab_errands_prepared (TsWorld *world)
{
  return world->prepared;
}

void
ts_lab_errands_unheard (TsWorld *world)
{
  for (guint i = 0; i < world->errands->len; i++) {
    Errand *errand = world->errands->pdata[i];
    if (errand->over)
      continue;
    errand->asked++;
    ts_errand_unheard (errand->errand, ts_lab_world_now_us (world));
    go_on (errand);
  }
}
