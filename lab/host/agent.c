/* lab/host/agent.c -- the guest agent of a machine that is the user's own: whether it answers, and freezing
 * its file systems for an application-consistent point (HVR reference 2.8).
 *
 * On a worker of its own, and by the machine's name: it may hang without holding up what the machine
 * itself is asked, or be asked for a machine that is gone. */
#include "lab/host/host-internal.h"

#define PINGS_MAX 2 /* who does not answer in time has not answered */

typedef struct {
  TsLabVm *vm;
  guint64 number;
  gboolean test, on; /* of a ping; of a freeze */
  GError *error;
} Question;

static Question *
question_new (TsLabVm *vm, guint64 number)
{
  Question *question = g_new0 (Question, 1);
  question->vm = vm;
  question->number = number;
  return question;
}

static void
question_free (gpointer data)
{
  Question *question = data;
  g_clear_error (&question->error);
  g_free (question);
}

static void
ping (gpointer data)
{
  Question *question = data;
  g_autofree char *name =
      g_strconcat (question->vm->config->name, question->test ? TS_LAB_TEST_NAME_END : "", NULL);
  ts_lab_agent_ping (question->vm->host->hypervisor, name, &question->error);
}

static void
pinged (gpointer data)
{
  Question *question = data;
  TsLabVm *vm = question->vm;
  const char *reason = question->error ? question->error->message : "";
  vm->asking--;
  if (vm->host->control)
    ts_lab_control_send (vm->host->control, "pong",
                         g_variant_new ("(sbtbs)", vm->config->name, question->test,
                                        question->number, question->error == NULL, reason),
                         NULL); /* unheard it is no answer */
}

void
ts_lab_vm_ping (TsLabVm *vm, gboolean test, guint64 number)
{
  if (vm->asking >= PINGS_MAX)
    return;
  Question *question = question_new (vm, number);
  question->test = test;
  vm->asking++;
  ts_lab_worker_push (vm->agent, ping, pinged, question_free, question);
}

static void
freeze (gpointer data)
{
  Question *question = data;
  TsLabVm *vm = question->vm;
  if (!vm->config->agent)
    ts_throw (&question->error, TS_ERROR_STATE,
              "the machine has no guest agent (in the scenario: agent: on)");
  else
    ts_lab_agent_freeze (vm->host->hypervisor, vm->config->name, question->on, &question->error);
}

static void
frozen (gpointer data)
{
  Question *question = data;
  TsLabVm *vm = question->vm;
  TsLabRelation *relation = ts_lab_host_relation (vm->host, vm);
  if (!question->on) {
    if (question->error && vm->config->agent)
      g_printerr ("twinsite host: thaw: %s\n", question->error->message);
  } else if (relation && relation->sender)
    ts_lab_source_frozen (relation, question->number, question->error == NULL,
                          question->error ? question->error->message : "");
}

void
ts_lab_vm_freeze (TsLabVm *vm, guint64 number, gboolean on)
{
  Question *question = question_new (vm, number);
  question->on = on;
  ts_lab_worker_push (vm->agent, freeze, frozen, question_free, question);
}
