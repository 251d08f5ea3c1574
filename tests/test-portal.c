/* tests/test-portal.c -- the portal, clicked through in a headless Chromium: a test failover, then a
 * disaster.  argv[1]: the twinsite command, whose demo is played; with argv[2], a scenario whose test
 * failover waits for somebody who clicks, that is run on real machines instead, its results in argv[3].
 * Skips (77) where there is no browser, or no lab. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/browser.h"

static const char *twinsite;
static GPid demo;
static char *url;
static Browser *browser;

static void
dies_with_us (gpointer user)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static int
setup (void **state)
{
  const char *argv[] = {twinsite, "demo", "--port", "0", "--speed", "10", NULL};
  g_autoptr (GError) error = NULL;
  int out;
  if (!g_spawn_async_with_pipes (NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, dies_with_us, NULL, &demo,
                                 NULL, &out, NULL, &error))
    fail_msg ("%s", error->message);
  g_autoptr (GString) said = g_string_new (NULL);
  char c;
  while (!strstr (said->str, " in a browser") && read (out, &c, 1) == 1)
    g_string_append_c (said, c);
  char *begin = strstr (said->str, "http://");
  if (!begin)
    fail_msg ("the demo says: %s", said->str);
  url = g_strndup (begin, strcspn (begin, " "));
  browser = browser_new (1280, 1400);
  browser_open (browser, url);
  return 0;
}

static int
teardown (void **state)
{
  browser_free (browser);
  kill (demo, SIGTERM);
  int status;
  waitpid (demo, &status, 0);
  g_free (url);
  return WIFEXITED (status) && WEXITSTATUS (status) == 0 ? 0 : -1; /* it ends well when it is told to */
}

static void
press_test_failover (const char *vm)
{
  g_autofree char *begin = g_strdup_printf ("button[aria-label='Test failover: %s']", vm);
  g_autofree char *runs = g_strdup_printf ("document.getElementById('items').innerText.includes('Test machine runs')");
  g_autofree char *end = g_strdup_printf ("button[aria-label='End test: %s']", vm);
  browser_click (browser, begin);
  browser_click (browser, "#confirm-yes");
  browser_wait (browser, runs, 120);
  g_usleep (2000000);
  browser_click (browser, end);
  browser_click (browser, "#confirm-yes");
  g_autofree char *over = g_strconcat ("!", runs, NULL);
  browser_wait (browser, over, 120);
}

/* --- on real machines -------------------------------------------------------------------------- */

static const char *scenario, *results;

static char *
portal_of_run (void)
{
  for (guint i = 0; i < 1800; i++) { /* hosts and guests start first */
    g_autofree char *note = g_build_filename (results, "portal-lab-lab-1", "lab", "portal.url", NULL);
    char *said = NULL;
    int status;
    if (g_file_get_contents (note, &said, NULL, NULL))
      return g_strstrip (said);
    if (waitpid (demo, &status, WNOHANG) == demo) {
      printf ("skipped: the lab is not available (exit code %d)\n", WIFEXITED (status) ? WEXITSTATUS (status) : -1);
      exit (WIFEXITED (status) && WEXITSTATUS (status) == 69 ? 77 : 1);
    }
    g_usleep (100000);
  }
  return NULL;
}

static void
clicked_on_real_machines (void **state)
{
  const char *argv[] = {twinsite, "run", "--on", "lab", "--no-plots", "--out", results, scenario, NULL};
  g_autoptr (GError) error = NULL;
  int status;
  g_autofree char *old = g_build_filename (results, "portal-lab-lab-1", "lab", "portal.url", NULL);
  (void)unlink (old); /* of an earlier run */
  if (!g_spawn_async (NULL, (char **)argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, dies_with_us, NULL, &demo, &error))
    fail_msg ("%s", error->message);
  url = portal_of_run ();
  assert_non_null (url);
  browser = browser_new (1280, 1400);
  browser_open (browser, url);
  browser_wait (browser, "document.getElementById('live').innerText === 'Live'", 60);
  browser_wait (browser, "document.getElementById('items').innerText.includes('Runs on hv-paris')", 180);
  browser_wait (browser, "document.getElementById('sites').innerText.includes('Answers')", 60);
  press_test_failover ("app");
  g_autofree char *complaints = browser_complaints (browser);
  assert_string_equal (complaints, "");
  g_clear_pointer (&browser, browser_free);
  waitpid (demo, &status, 0); /* the run has seen a test machine serve, and go, and its ledger is fine */
  assert_true (WIFEXITED (status));
  assert_int_equal (WEXITSTATUS (status), 0);
  demo = 0;
}

static int
clean_up (void **state)
{
  g_clear_pointer (&browser, browser_free);
  if (demo > 0 && kill (demo, SIGTERM) == 0)
    waitpid (demo, NULL, 0);
  g_free (url);
  return 0;
}

/* --- on the simulator's vault ------------------------------------------------------------------ */

#define SECTION(id) "document.getElementById('" id "').innerText"
#define ITEM(name) "[...document.querySelectorAll('.item')].find((i) => i.getAttribute('aria-label') === '" name "')"
#define BUTTON(label) "button[aria-label='" label "']"

static void
shows_what_there_is (void **state)
{
  browser_wait (browser, SECTION ("live") " === 'Live'", 30);
  browser_wait (browser, SECTION ("sites") ".includes('hv-paris-1')", 30);
  browser_wait (browser, "document.querySelectorAll('.item').length === 3", 30);
  browser_wait (browser, ITEM ("database") ".innerText.includes('Normal')", 30);
  browser_wait (browser, SECTION ("plans") ".includes('Group 3: web')", 30);
  browser_wait (browser, SECTION ("jobs") ".includes('Enable protection')", 30);
  /* exposure moves by itself */
  g_autofree char *before = browser_run (browser, "return " ITEM ("web") ".querySelector('.number').textContent");
  g_usleep (2500000);
  g_autofree char *after = browser_run (browser, "return " ITEM ("web") ".querySelector('.number').textContent");
  assert_string_not_equal (before, after);
}

static void
test_failover_by_click_and_key (void **state)
{
  browser_click (browser, BUTTON ("Test failover: database"));
  browser_wait (browser, "document.getElementById('confirm').open", 20);
  /* it says what will happen to data, and to whom */
  browser_wait (browser, SECTION ("confirm") ".includes('Nothing is changed at either site')", 5);
  browser_wait (browser, "document.activeElement.id === 'confirm-yes'", 5);
  /* on a network of its own, which is made for it and goes with it */
  browser_wait (browser, "(() => { const s = document.querySelector('#confirm select[name=network]'); if (!s) return false; "
                         "s.selectedIndex = s.options.length - 1; return s.value.startsWith('CreateNetworkAsInput '); })()", 10);
  browser_keys (browser, "\xee\x80\x87"); /* Enter */
  browser_wait (browser, ITEM ("database") ".innerText.includes('Test machine runs')", 120);
  browser_wait (browser, ITEM ("database") ".innerText.includes('Test machine on test-job-')", 60);
  browser_wait (browser, SECTION ("jobs") ".includes('Test failover: database')", 30);
  browser_wait (browser, "document.querySelector(\"" BUTTON ("End test: database") "\")", 60);
  browser_click (browser, BUTTON ("End test: database"));
  browser_click (browser, "#confirm-yes");
  browser_wait (browser, "!" ITEM ("database") ".innerText.includes('Test machine runs')", 120);
  browser_wait (browser, "document.querySelector(\"" BUTTON ("Test failover: database") "\")", 60);
}

static void
cancelled_is_not_done (void **state)
{
  browser_click (browser, BUTTON ("Failover: web"));
  browser_wait (browser, "document.getElementById('confirm').open", 20);
  browser_wait (browser, SECTION ("confirm") ".includes('Data is lost')", 5);
  browser_wait (browser, "document.activeElement.id === 'confirm-no'", 5); /* Enter does no harm */
  browser_keys (browser, "\xee\x80\x8c"); /* Escape */
  browser_wait (browser, "!document.getElementById('confirm').open", 10);
  g_usleep (1500000);
  browser_wait (browser, "!" SECTION ("jobs") ".includes('ailover: web')", 5);
  browser_wait (browser, ITEM ("web") ".innerText.includes('Runs on hv-paris-2')", 5);
}

static void
fits_a_phone_and_has_names (void **state)
{
  g_autofree char *nameless = browser_run (
      browser, "return [...document.querySelectorAll('button, a, input, select, summary')].filter((e) => "
               "!(e.getAttribute('aria-label') || e.innerText || e.closest('label') || document.querySelector(`label[for='${e.id}']`))).length");
  Browser *phone = browser_new (500, 900); /* the narrowest window that Chromium makes */
  browser_open (phone, url);
  browser_wait (phone, "document.querySelectorAll('.item').length === 3", 60);
  g_free (browser_run (phone, "document.body.style.width = '360px'"));
  g_autofree char *wide = browser_run (
      phone, "return [...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > 361).length");
  g_autofree char *complaints = browser_complaints (phone);
  browser_free (phone);
  assert_string_equal (nameless, "0");
  assert_string_equal (wide, "0");
  assert_string_equal (complaints, "");
}

static void
a_disaster (void **state)
{
  browser_click (browser, "button[data-key='paris-down']");
  browser_wait (browser, SECTION ("sites") ".includes('Not connected')", 120);
  browser_wait (browser, "!document.querySelector(\"" BUTTON ("Planned failover: database") "\")", 60);
  browser_click (browser, BUTTON ("Failover: database"));
  browser_click (browser, "#confirm-yes");
  browser_wait (browser, ITEM ("database") ".innerText.includes('Runs on hv-lyon')", 180);
  browser_click (browser, BUTTON ("Commit: database"));
  browser_wait (browser, SECTION ("confirm") ".includes('becomes final')", 10);
  browser_click (browser, "#confirm-yes");
  browser_wait (browser, SECTION ("jobs") ".includes('Commit: database')", 120);
  g_autofree char *complaints = browser_complaints (browser);
  assert_string_equal (complaints, ""); /* nothing from elsewhere, nothing inline, no error */
}

int
main (int argc, char **argv)
{
  g_autofree char *refusal = browser_refusal ();
  if (refusal || argc < 2) {
    printf ("skipped: %s\n", refusal ? refusal : "no twinsite was given");
    return 77;
  }
  twinsite = argv[1];
  if (argc == 4) {
    const struct CMUnitTest on_lab[] = {cmocka_unit_test_teardown (clicked_on_real_machines, clean_up)};
    scenario = argv[2];
    results = argv[3];
    return cmocka_run_group_tests (on_lab, NULL, NULL);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test (shows_what_there_is),   cmocka_unit_test (test_failover_by_click_and_key),
      cmocka_unit_test (cancelled_is_not_done), cmocka_unit_test (fits_a_phone_and_has_names),
      cmocka_unit_test (a_disaster),
  };
  return cmocka_run_group_tests (tests, setup, teardown);
}
