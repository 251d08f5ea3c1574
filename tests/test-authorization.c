/* tests/test-authorization.c -- which entry admits whom, and which server may go on with a replica.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "core/base/error.h"
#include "core/site/authorization.h"

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz-"

static TsAuthorization *
make_usual (void)
{
  TsAuthorization *made = ts_authorization_new ();
  assert_true (ts_authorization_add (made, "*.contoso.com", "/wide", "Fabric", NULL));
  assert_true (ts_authorization_add (made, "hv-*.contoso.com", "/narrow", "Fabric", NULL));
  assert_true (ts_authorization_add (made, "HV-1.contoso.com", "/exact", "Gold", NULL));
  assert_true (ts_authorization_add (made, "hv-paris", "/paris", "Gold", NULL));
  return made;
}

/* --- names that an entry may and may not have --------------------------------------------------
 */

static const struct name_row {
  const char *name, *server, *fault; /* fault NULL: taken */
} name_rows[] = {
    {"a full name", "hv1.contoso.com", NULL},
    {"a short name", "hv-paris", NULL},
    {"digits and underscores", "HV_1.example.net", NULL},
    {"a wildcard as the first label", "*.contoso.com", NULL},
    {"a wildcard within the first label", "hv*-a.contoso.com", NULL},
    {"a label of 63", &(LABEL_63 "z")[1], NULL},
    {"a wildcard in the second label", "hv1.*.com", "in the first of several labels"},
    {"a wildcard at the end", "hv1.contoso.*", "in the first of several labels"},
    {"two wildcards", "*hv*.contoso.com", "in the first of several labels"},
    {"a wildcard and no domain", "hv*", "in the first of several labels"},
    {"everybody", "*", "any server is a setting of its own"},
    {"nothing", "", "it is empty"},
    {"an empty label", "hv1..com", "a label is empty"},
    {"a dot at the end", "hv1.contoso.com.", "a label is empty"},
    {"a wildcard for nothing", "*.", "a label is empty"},
    {"a hyphen first", "-hv.contoso.com", "starts or ends with '-'"},
    {"a hyphen last", LABEL_63, "starts or ends with '-'"},
    {"a label of 64", LABEL_63 "z", "longer than 63"},
    {"a space", "hv 1.contoso.com", "letters, digits"},
    {"an address", "192.0.2.7", "by name, not by address"},
    {"a wildcard address", "*.0.2.7", "by name, not by address"},
};

static void
entry_name (void **state)
{
  const struct name_row *row = *state;
  g_autoptr (TsAuthorization) made = ts_authorization_new ();
  g_autoptr (GError) error = NULL;
  gboolean taken = ts_authorization_add (made, row->server, "/replicas", "Gold", &error);
  if (!row->fault) {
    assert_true (taken);
    assert_false (ts_authorization_add (made, row->server, "/replicas", "Gold", NULL)); /* twice */
    return;
  }
  assert_false (taken);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  assert_non_null (strstr (error->message, row->fault));
  assert_non_null (strstr (error->message, "*.contoso.com")); /* what is expected */
}

/* --- which entry admits ------------------------------------------------------------------------
 */

static const struct admit_row {
  const char *name, *server, *storage, *fault;
} admit_rows[] = {
    {"by a wildcard", "sql.contoso.com", "/wide", NULL},
    {"the narrower wildcard counts", "hv-2.contoso.com", "/narrow", NULL},
    {"the full name counts most", "hv-1.contoso.com", "/exact", NULL},
    {"case does not count", "HV-Paris", "/paris", NULL},
    {"case does not count in wildcards", "SQL.Contoso.COM", "/wide", NULL},
    {"a wildcard is one label", "a.b.contoso.com", NULL, "no authorization entry allows a.b."},
    {"a wildcard is not nothing", "contoso.com", NULL, "no authorization entry"},
    {"nor an empty label", ".contoso.com", NULL, "is no server's name"},
    {"a domain that only ends so", "hv.evilcontoso.com", NULL, "no authorization entry"},
    {"a name that goes on", "hv-paris.contoso.com.evil.com", NULL, "no authorization entry"},
    {"the start of a name", "hv-par", NULL, "no authorization entry"},
    {"a stranger", "hv-oslo", NULL, "no authorization entry allows hv-oslo"},
    {"a wildcard is no server", "*.contoso.com", NULL, "is no server's name"},
    {"an address is no server", "192.0.2.7", NULL, "is no server's name"},
    {"nobody", "", NULL, "is no server's name"},
};

static void
admit (void **state)
{
  const struct admit_row *row = *state;
  g_autoptr (TsAuthorization) made = make_usual ();
  g_autoptr (GError) error = NULL;
  TsGrant grant = {"untouched", "untouched", "untouched"};
  gboolean admitted = ts_authorization_admit (made, row->server, &grant, &error);
  if (!row->fault) {
    assert_true (admitted);
    assert_string_equal (grant.storage_location, row->storage);
    return;
  }
  assert_false (admitted);
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_REFUSED));
  assert_non_null (strstr (error->message, row->fault));
  assert_string_equal (grant.storage_location, "untouched");
}

/* --- the trust group rule ----------------------------------------------------------------------
 */

static const struct replica_row {
  const char *name, *server, *owner, *owner_group, *fault;
} replica_rows[] = {
    {"its creator", "hv-paris", "hv-paris", "Gold", NULL},
    {"its creator, whose group was changed since", "hv-paris", "HV-PARIS", "Old", NULL},
    {"another of the same trust group", "hv-1.contoso.com", "hv-paris", "Gold", NULL},
    {"case does not count in groups", "hv-1.contoso.com", "hv-paris", "GOLD", NULL},
    {"another of the same wildcard", "hv-9.contoso.com", "hv-8.contoso.com", "Fabric", NULL},
    {"authorized, of another trust group", "hv-9.contoso.com", "hv-paris", "Gold",
     "created by hv-paris of trust group Gold; hv-9.contoso.com is of trust group Fabric"},
    {"its creator, without an entry now", "hv-oslo", "hv-oslo", "Gold", "no authorization entry"},
};

static void
admit_replica (void **state)
{
  const struct replica_row *row = *state;
  g_autoptr (TsAuthorization) made = make_usual ();
  g_autoptr (GError) error = NULL;
  TsReplicaOwner owner = {row->owner, row->owner_group};
  TsGrant grant = {0};
  gboolean admitted = ts_authorization_admit_replica (made, row->server, &owner, &grant, &error);
  assert_int_equal (admitted, row->fault == NULL);
  if (!row->fault)
    return;
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_REFUSED));
  assert_non_null (strstr (error->message, row->fault));
  assert_null (grant.trust_group);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static void
nobody_at_first (void **state)
{
  g_autoptr (TsAuthorization) made = ts_authorization_new ();
  TsGrant grant;
  assert_false (ts_authorization_admit (made, "hv-paris", &grant, NULL));
}

static void
any_server (void **state)
{
  g_autoptr (TsAuthorization) made = make_usual ();
  g_autoptr (GError) error = NULL;
  TsReplicaOwner owner = {"hv-oslo", "default"}, of_entry = {"hv-paris", "Gold"};
  TsGrant grant;
  assert_false (ts_authorization_allow_any (made, "", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_ARGUMENT));
  g_clear_error (&error);
  assert_true (ts_authorization_allow_any (made, "/all", NULL));
  assert_true (ts_authorization_admit (made, "hv-bern", &grant, NULL));
  assert_null (grant.allowed_primary_server);
  assert_string_equal (grant.storage_location, "/all");
  assert_string_equal (grant.trust_group, TS_TRUST_GROUP_DEFAULT);
  assert_true (ts_authorization_admit_replica (made, "hv-bern", &owner, &grant, NULL));
  assert_false (ts_authorization_admit_replica (made, "hv-bern", &of_entry, &grant, NULL));
  assert_false (ts_authorization_add (made, "hv-bern", "/bern", "Gold", &error));
  assert_true (g_error_matches (error, TS_ERROR, TS_ERROR_STATE));

  assert_true (ts_authorization_allow_any (made, NULL, NULL)); /* the entries are there again */
  assert_false (ts_authorization_admit (made, "hv-bern", &grant, NULL));
  assert_true (ts_authorization_admit (made, "hv-paris", &grant, NULL));
}

static void
entries_come_and_go (void **state)
{
  g_autoptr (TsAuthorization) made = make_usual ();
  g_autoptr (GError) error = NULL;
  TsGrant grant;
  assert_true (ts_authorization_remove (made, "hv-1.CONTOSO.com", NULL));
  assert_true (ts_authorization_admit (made, "hv-1.contoso.com", &grant, NULL));
  assert_string_equal (grant.storage_location, "/narrow"); /* the next best */
  assert_false (ts_authorization_remove (made, "hv-1.contoso.com", &error));
  assert_non_null (strstr (error->message, "there is no authorization entry"));
  g_clear_error (&error);
  assert_false (ts_authorization_add (made, "HV-PARIS", "/again", "Gold", &error));
  assert_non_null (strstr (error->message, "there is an authorization entry"));
  g_clear_error (&error);
  assert_false (ts_authorization_add (made, "hv-bern", "", "Gold", &error));
  assert_non_null (strstr (error->message, "storage location"));
  g_clear_error (&error);
  assert_false (ts_authorization_add (made, "hv-bern", "/bern", "", &error));
  assert_non_null (strstr (error->message, "trust group of \"hv-bern\""));
}

int
main (void)
{
  struct CMUnitTest
      tests[G_N_ELEMENTS (name_rows) + G_N_ELEMENTS (admit_rows) + G_N_ELEMENTS (replica_rows) + 3];
  gsize n = 0;
  for (gsize i = 0; i < G_N_ELEMENTS (name_rows); i++)
    tests[n++] = (struct CMUnitTest){
        .name = name_rows[i].name, .test_func = entry_name, .initial_state = (void *)&name_rows[i]};
  for (gsize i = 0; i < G_N_ELEMENTS (admit_rows); i++)
    tests[n++] = (struct CMUnitTest){
        .name = admit_rows[i].name, .test_func = admit, .initial_state = (void *)&admit_rows[i]};
  for (gsize i = 0; i < G_N_ELEMENTS (replica_rows); i++)
    tests[n++] = (struct CMUnitTest){.name = replica_rows[i].name,
                                     .test_func = admit_replica,
                                     .initial_state = (void *)&replica_rows[i]};
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (nobody_at_first);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (any_server);
  tests[n++] = (struct CMUnitTest)cmocka_unit_test (entries_come_and_go);
  return cmocka_run_group_tests (tests, NULL, NULL);
}
