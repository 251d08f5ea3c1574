/* core/vault/routes.c -- see routes.h.  Paths and fields: HVR reference 4.1, 4.2, 4.4, 4.5. */
#include "core/vault/routes.h"

#define FABRIC "replicationFabrics/{fabric}"
#define CLOUD FABRIC "/replicationProtectionContainers/{container}"
#define ITEM CLOUD "/replicationProtectedItems/{item}"
#define PAIR CLOUD "/replicationProtectionContainerMappings/{mapping}"
#define NETWORK FABRIC "/replicationNetworks/{network}"
#define NETWORK_PAIR NETWORK "/replicationNetworkMappings/{mapping}"
#define STORAGE FABRIC "/replicationStorageClassifications/{classification}"
#define STORAGE_PAIR STORAGE "/replicationStorageClassificationMappings/{mapping}"
#define PLAN "replicationRecoveryPlans/{plan}"
#define JOB "replicationJobs/{job}"

#define GET TS_VAULT_GET
#define PUT TS_VAULT_PUT
#define PATCH TS_VAULT_PATCH
#define POST TS_VAULT_POST
#define DELETE TS_VAULT_DELETE

static const TsVaultRoute routes[] = {
    /* method, pattern, body, answer, list, summary */
    {GET, "replicationVaultHealth", NULL, "vaultHealth", FALSE,
     "How the vault, its fabrics and its items are."},
    {POST, "registrationKeys", "newKey", "registrationKey", FALSE,
     "A new registration key for one VMM server, valid for 5 days unless said."},

    {GET, "replicationFabrics", NULL, "fabric", TRUE, "The registered VMM servers."},
    {GET, FABRIC, NULL, "fabric", FALSE, "A VMM server."},
    {DELETE, FABRIC, NULL, NULL, FALSE,
     "Forgets a VMM server, of which nothing is protected or paired; it may register anew."},
    {GET, FABRIC "/replicationRecoveryServicesProviders", NULL, "provider", TRUE,
     "Its Provider: connection, last heartbeat, version."},
    {GET, FABRIC "/replicationRecoveryServicesProviders/{provider}", NULL, "provider", FALSE,
     "The same."},
    {POST, FABRIC "/replicationRecoveryServicesProviders/{provider}/refreshProvider", NULL,
     "provider", FALSE, "Asks the Provider to say anew what it manages."},

    {GET, FABRIC "/replicationProtectionContainers", NULL, "container", TRUE, "Its clouds."},
    {GET, CLOUD, NULL, "container", FALSE, "A cloud."},
    {GET, CLOUD "/replicationProtectableItems", NULL, "protectableItem", TRUE,
     "The virtual machines in a cloud."},
    {GET, CLOUD "/replicationProtectableItems/{vm}", NULL, "protectableItem", FALSE,
     "A virtual machine in a cloud."},

    {GET, CLOUD "/replicationProtectionContainerMappings", NULL, "mapping", TRUE,
     "With which cloud it is paired, by which policy."},
    {GET, PAIR, NULL, "mapping", FALSE, "A pairing of two clouds."},
    {PUT, PAIR, "mapping", "job", FALSE,
     "Pairs a cloud with another by a policy; configures every host of both."},
    {POST, PAIR "/remove", NULL, "job", FALSE, "Ends a pairing in which nothing is protected."},
    {DELETE, PAIR, NULL, NULL, FALSE, "Forgets it in the vault alone (purge)."},

    {GET, "replicationProtectedItems", NULL, "item", TRUE, "All protected items."},
    {GET, CLOUD "/replicationProtectedItems", NULL, "item", TRUE, "The protected items of a cloud."},
    {GET, ITEM, NULL, "item", FALSE, "A protected item."},
    {PUT, ITEM, "enable", "job", FALSE, "Enables protection of a virtual machine."},
    {PATCH, ITEM, "update", "item", FALSE, "Changes what is to be done with its copy."},
    {DELETE, ITEM, NULL, NULL, FALSE, "Forgets it in the vault alone (purge)."},
    {POST, ITEM "/remove", "remove", "job", FALSE, "Disables protection, on both sides."},
    {POST, ITEM "/plannedFailover", "plannedFailover", "job", FALSE,
     "Shuts it down, sends what is left, starts the copy: nothing is lost."},
    {POST, ITEM "/unplannedFailover", "unplannedFailover", "job", FALSE,
     "Starts the copy, of the newest or another recovery point."},
    {POST, ITEM "/testFailover", "testFailover", "job", FALSE,
     "Starts a second, isolated machine; replication goes on."},
    {POST, ITEM "/testFailoverCleanup", "testCleanup", "job", FALSE, "Ends the test."},
    {POST, ITEM "/failoverCommit", NULL, "job", FALSE,
     "Makes a failover final; its other recovery points go."},
    {POST, ITEM "/failoverCancel", NULL, "job", FALSE,
     "Undoes a failover that is not committed: what the copy wrote is thrown away."},
    {POST, ITEM "/applyRecoveryPoint", "applyPoint", "job", FALSE,
     "Starts the copy anew, of another recovery point."},
    {POST, ITEM "/reProtect", "reProtect", "job", FALSE,
     "Replicates the other way from now on (reverse replicate)."},
    {POST, ITEM "/repairReplication", NULL, "job", FALSE, "Resynchronizes it now."},
    {POST, ITEM "/addDisks", "disks", "job", FALSE, "Replicates these disks of it, too, from now on."},
    {POST, ITEM "/removeDisks", "disks", "job", FALSE,
     "Leaves these disks of it out from now on; its copy gets empty ones in their place."},
    {POST, ITEM "/resolveHealthErrors", "resolve", "job", FALSE,
     "Forgets what has been counted against its health (CHOICE: resets the statistics of the sides concerned)."},
    {POST, ITEM "/move", "move", "job", FALSE,
     "Moves it, or its replica, to another host of the cloud that it is in; replication goes on (not in the "
     "published list: a virtual machine manager's own operation)."},
    {POST, ITEM "/pauseReplication", NULL, "job", FALSE,
     "Suspends replication; changes are tracked (not in the published list)."},
    {POST, ITEM "/resumeReplication", NULL, "job", FALSE,
     "Goes on with it (not in the published list)."},
    {GET, ITEM "/recoveryPoints", NULL, "recoveryPoint", TRUE, "Its recovery points, newest first."},
    {GET, ITEM "/recoveryPoints/{point}", NULL, "recoveryPoint", FALSE, "A recovery point."},

    {GET, "replicationNetworks", NULL, "network", TRUE, "All VM networks."},
    {GET, FABRIC "/replicationNetworks", NULL, "network", TRUE, "The VM networks of a VMM server."},
    {GET, NETWORK, NULL, "network", FALSE, "A VM network."},
    {GET, "replicationNetworkMappings", NULL, "networkMapping", TRUE, "All network mappings."},
    {GET, NETWORK "/replicationNetworkMappings", NULL, "networkMapping", TRUE,
     "To what a network is mapped."},
    {GET, NETWORK_PAIR, NULL, "networkMapping", FALSE, "A network mapping."},
    {PUT, NETWORK_PAIR, "networkMapping", "networkMapping", FALSE,
     "Replicas of machines on this network connect to that one."},
    {DELETE, NETWORK_PAIR, NULL, NULL, FALSE, "Ends it: replicas made later are not connected."},

    {GET, FABRIC "/replicationLogicalNetworks", NULL, "logicalNetwork", TRUE,
     "The logical networks of a VMM server, of which its VM networks are part."},
    {GET, FABRIC "/replicationLogicalNetworks/{logical}", NULL, "logicalNetwork", FALSE, "A logical network."},

    {GET, "replicationStorageClassifications", NULL, "classification", TRUE,
     "All storage classifications."},
    {GET, FABRIC "/replicationStorageClassifications", NULL, "classification", TRUE,
     "The storage classifications of a VMM server."},
    {GET, STORAGE, NULL, "classification", FALSE, "A storage classification."},
    {GET, "replicationStorageClassificationMappings", NULL, "storageMapping", TRUE,
     "All storage mappings."},
    {GET, STORAGE "/replicationStorageClassificationMappings", NULL, "storageMapping", TRUE,
     "To what it is mapped."},
    {GET, STORAGE_PAIR, NULL, "storageMapping", FALSE, "A storage mapping."},
    {PUT, STORAGE_PAIR, "storageMapping", "storageMapping", FALSE,
     "Replicas of machines on this storage lie on that one."},
    {DELETE, STORAGE_PAIR, NULL, NULL, FALSE, "Ends it."},

    {GET, "replicationPolicies", NULL, "policy", TRUE, "All policies."},
    {GET, "replicationPolicies/{policy}", NULL, "policy", FALSE, "A policy."},
    {PUT, "replicationPolicies/{policy}", "policy", "policy", FALSE, "Makes a policy."},
    {DELETE, "replicationPolicies/{policy}", NULL, NULL, FALSE, "Deletes a policy that nobody has."},

    {GET, "replicationRecoveryPlans", NULL, "plan", TRUE, "All recovery plans."},
    {GET, PLAN, NULL, "plan", FALSE, "A recovery plan."},
    {PUT, PLAN, "plan", "plan", FALSE, "Makes a recovery plan, or replaces it."},
    {PATCH, PLAN, "planUpdate", "plan", FALSE, "Replaces its groups."},
    {DELETE, PLAN, NULL, NULL, FALSE, "Deletes a recovery plan; its items stay."},
    {POST, PLAN "/plannedFailover", "planPlanned", "job", FALSE,
     "Planned failover of all its items; stops at an error and can be run again."},
    {POST, PLAN "/unplannedFailover", "planUnplanned", "job", FALSE,
     "Failover of all its items; runs to the end."},
    {POST, PLAN "/testFailover", "planTest", "job", FALSE, "Test failover of all its items."},
    {POST, PLAN "/testFailoverCleanup", "testCleanup", "job", FALSE, "Ends the test."},
    {POST, PLAN "/failoverCommit", NULL, "job", FALSE, "Commits all its items."},
    {POST, PLAN "/failoverCancel", NULL, "job", FALSE, "Undoes the failover of all its items."},
    {POST, PLAN "/reProtect", NULL, "job", FALSE,
     "Reverse replicate for all its items (CHOICE: the specification has ended it)."},

    {GET, "replicationJobs", NULL, "job", TRUE, "All jobs, newest first."},
    {GET, JOB, NULL, "job", FALSE, "A job with its tasks."},
    {POST, JOB "/cancel", "jobComment", "job", FALSE,
     "Ends it where it is.  A virtual machine whose failover had begun is not replicated any more."},
    {POST, JOB "/restart", "jobComment", "job", FALSE, "Runs what failed, and what is behind it, again."},
    {POST, JOB "/resume", "jobComment", "job", FALSE, "Confirms the manual action that it waits for."},

    {POST, "replicationJobs/export", "exportJobs", "job", TRUE,
     "The jobs that fit, oldest first, with all their tasks (CHOICE: in the answer; there is no store to write them to)."},

    {GET, "replicationAlertSettings", NULL, "alertSetting", TRUE, "Who is told of which events."},
    {GET, "replicationAlertSettings/{setting}", NULL, "alertSetting", FALSE, "An alert setting."},
    {PUT, "replicationAlertSettings/{setting}", "alertSetting", "alertSetting", FALSE,
     "Tells these people of events from now on."},
    {DELETE, "replicationAlertSettings/{setting}", NULL, NULL, FALSE, "They are not told any more."},

    {GET, "replicationEvents", NULL, "event", TRUE, "What has happened, newest first."},
    {GET, "replicationEvents/{event}", NULL, "event", FALSE, "An event."},
};

#define DIRECTIONS "PrimaryToRecovery|RecoveryToPrimary"

static const TsVaultField fields[] = {
    /* body, name, type, of, required, min, max, help */
    {"newKey", "properties", TS_VAULT_FIELD_OBJECT, "newKeyProperties", FALSE, 0, 0, "for how long"},
    {"newKeyProperties", "validForSeconds", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 1, 432000,
     "not longer than this; 5 days unless said (CHOICE: published keys always have 5 days)"},

    {"policy", "properties", TS_VAULT_FIELD_OBJECT, "policyProperties", TRUE, 0, 0, "what it says"},
    {"policyProperties", "providerSpecificInput", TS_VAULT_FIELD_OBJECT, "policyInput", TRUE, 0, 0,
     "its fields"},
    {"policyInput", "instanceType", TS_VAULT_FIELD_CHOICE, "HyperVReplica2012|HyperVReplica2012R2", FALSE, 0,
     0, "version of the hosts; HyperVReplica2012R2 unless said"},
    {"policyInput", "allowedAuthenticationType", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 1, 2,
     "1 Kerberos, 2 certificate (unless said)"},
    {"policyInput", "replicationPort", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 1, 65535,
     "8083 with Kerberos, 8084 with certificates unless said"},
    {"policyInput", "replicationFrequencyInSeconds", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 30, 900,
     "30, 300 (unless said) or 900; 300 with HyperVReplica2012"},
    {"policyInput", "recoveryPoints", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 0, 24,
     "additional recovery points, an hour apart; 0 unless said"},
    {"policyInput", "applicationConsistentSnapshotFrequencyInHours", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 0,
     12, "0: never (unless said); must be less than recoveryPoints"},
    {"policyInput", "compression", TS_VAULT_FIELD_CHOICE, "Enable|Disable", FALSE, 0, 0,
     "Disable unless said"},
    {"policyInput", "replicaDeletion", TS_VAULT_FIELD_CHOICE, "Required|NotRequired", FALSE, 0, 0,
     "delete the replica when protection is disabled; NotRequired unless said"},
    {"policyInput", "initialReplicationMethod", TS_VAULT_FIELD_CHOICE, "OverNetwork|Offline|Seeded", FALSE, 0, 0,
     "OverNetwork unless said; Seeded: from disks that are there already (HVR 2.3, not in the published policy)"},
    {"policyInput", "onlineReplicationStartTime", TS_VAULT_FIELD_TIME, NULL, FALSE, 0, 0,
     "when the initial replication begins, up to 7 days ahead; at once unless said"},
    {"policyInput", "offlineReplicationExportPath", TS_VAULT_FIELD_TEXT, NULL, FALSE, 1, 1024,
     "with Offline: where the source's disks are written"},
    {"policyInput", "offlineReplicationImportPath", TS_VAULT_FIELD_TEXT, NULL, FALSE, 1, 1024,
     "with Offline: where the replica's are read"},
    {"policyInput", "autoResynchronize", TS_VAULT_FIELD_CHOICE, "Manual|Immediate|Scheduled", FALSE, 0, 0,
     "how a resynchronization begins; Manual unless said (HVR 2.1, not in the published policy)"},
    {"policyInput", "autoResynchronizeStart", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 0, 86399,
     "with Scheduled: second of the day; 66600 (18:30) unless said"},
    {"policyInput", "autoResynchronizeEnd", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 0, 86399,
     "likewise; 21600 (06:00) unless said"},

    {"mapping", "properties", TS_VAULT_FIELD_OBJECT, "mappingProperties", TRUE, 0, 0, "what it says"},
    {"mappingProperties", "targetProtectionContainerId", TS_VAULT_FIELD_ID, "container", TRUE, 0, 0,
     "the other cloud"},
    {"mappingProperties", "policyId", TS_VAULT_FIELD_ID, "policy", TRUE, 0, 0, "by which policy"},

    {"enable", "properties", TS_VAULT_FIELD_OBJECT, "enableProperties", TRUE, 0, 0, "what it says"},
    {"enableProperties", "policyId", TS_VAULT_FIELD_ID, "policy", TRUE, 0, 0,
     "the policy by which its cloud is paired"},
    {"enableProperties", "protectableItemId", TS_VAULT_FIELD_ID, "protectableItem", TRUE, 0, 0,
     "the virtual machine"},
    {"enableProperties", "recoveryHost", TS_VAULT_FIELD_NAME, NULL, FALSE, 0, 0,
     "a host of the other cloud to put the replica on; placed unless said (CHOICE)"},

    {"update", "properties", TS_VAULT_FIELD_OBJECT, "updateProperties", TRUE, 0, 0, "what changes"},
    {"updateProperties", "recoveryAzureVMName", TS_VAULT_FIELD_TEXT, NULL, FALSE, 1, 128,
     "a label for people"},

    {"remove", "properties", TS_VAULT_FIELD_OBJECT, "removeProperties", FALSE, 0, 0, "how"},
    {"removeProperties", "disableProtectionReason", TS_VAULT_FIELD_CHOICE, "NotSpecified|MigrationComplete",
     FALSE, 0, 0, "why"},

    {"plannedFailover", "properties", TS_VAULT_FIELD_OBJECT, "plannedProperties", FALSE, 0, 0, "how"},
    {"plannedProperties", "failoverDirection", TS_VAULT_FIELD_CHOICE, DIRECTIONS, FALSE, 0, 0,
     "from where it runs now unless said"},

    {"unplannedFailover", "properties", TS_VAULT_FIELD_OBJECT, "unplannedProperties", FALSE, 0, 0, "how"},
    {"unplannedProperties", "failoverDirection", TS_VAULT_FIELD_CHOICE, DIRECTIONS, FALSE, 0, 0,
     "from where it runs now unless said"},
    {"unplannedProperties", "sourceSiteOperations", TS_VAULT_FIELD_CHOICE, "Required|NotRequired", FALSE, 0,
     0, "Required: try to shut down and to send what is left first; NotRequired unless said"},
    {"unplannedProperties", "recoveryPointId", TS_VAULT_FIELD_ID, "recoveryPoint", FALSE, 0, 0,
     "the latest unless said"},
    {"unplannedProperties", "recoveryPointType", TS_VAULT_FIELD_CHOICE, "Latest|LatestApplicationConsistent",
     FALSE, 0, 0, "in place of an id"},

    {"testFailover", "properties", TS_VAULT_FIELD_OBJECT, "testProperties", FALSE, 0, 0, "how"},
    {"testProperties", "failoverDirection", TS_VAULT_FIELD_CHOICE, DIRECTIONS, FALSE, 0, 0,
     "from where it runs now unless said"},
    {"testProperties", "networkType", TS_VAULT_FIELD_CHOICE,
     "NoNetworkAttachAsInput|VmNetworkAsInput|CreateNetworkAsInput", FALSE, 0, 0,
     "not connected (unless said), an existing VM network, or one made for the test"},
    {"testProperties", "networkId", TS_VAULT_FIELD_ID, "network", FALSE, 0, 0,
     "the VM network; with CreateNetworkAsInput the logical network, or a VM network whose it is, to make it of"},
    {"testProperties", "recoveryPointId", TS_VAULT_FIELD_ID, "recoveryPoint", FALSE, 0, 0,
     "the latest unless said"},
    {"testProperties", "recoveryPointType", TS_VAULT_FIELD_CHOICE, "Latest|LatestApplicationConsistent",
     FALSE, 0, 0, "in place of an id"},

    {"testCleanup", "properties", TS_VAULT_FIELD_OBJECT, "cleanupProperties", FALSE, 0, 0, "what was seen"},
    {"cleanupProperties", "comments", TS_VAULT_FIELD_TEXT, NULL, FALSE, 0, 1024, "kept with the job"},

    {"applyPoint", "properties", TS_VAULT_FIELD_OBJECT, "applyProperties", TRUE, 0, 0, "which"},
    {"applyProperties", "recoveryPointId", TS_VAULT_FIELD_ID, "recoveryPoint", FALSE, 0, 0,
     "the recovery point; the latest unless said"},
    {"applyProperties", "recoveryPointType", TS_VAULT_FIELD_CHOICE, "Latest|LatestApplicationConsistent",
     FALSE, 0, 0, "in place of an id"},

    {"disks", "properties", TS_VAULT_FIELD_OBJECT, "disksProperties", TRUE, 0, 0, "which"},
    {"disksProperties", "disks", TS_VAULT_FIELD_LIST, NULL, TRUE, 1, 16,
     "names, as in vMDiskDetails (CHOICE: published ones are of other providers)"},
    {"resolve", "properties", TS_VAULT_FIELD_OBJECT, "resolveProperties", FALSE, 0, 0, "which"},
    {"resolveProperties", "healthErrors", TS_VAULT_FIELD_LIST, "resolveError", FALSE, 0, 16, "all unless said"},
    {"resolveError", "healthErrorId", TS_VAULT_FIELD_TEXT, NULL, TRUE, 1, 128, "as in healthErrors"},

    {"move", "properties", TS_VAULT_FIELD_OBJECT, "moveProperties", TRUE, 0, 0, "where to"},
    {"moveProperties", "host", TS_VAULT_FIELD_NAME, NULL, TRUE, 0, 0, "the host it is to go to"},
    {"moveProperties", "side", TS_VAULT_FIELD_CHOICE, "source|replica", FALSE, 0, 0,
     "which of the two goes; unless said the one that is in that host's cloud"},

    {"reProtect", "properties", TS_VAULT_FIELD_OBJECT, "reProtectProperties", FALSE, 0, 0, "how"},
    {"reProtectProperties", "failoverDirection", TS_VAULT_FIELD_CHOICE, DIRECTIONS, FALSE, 0, 0,
     "from where it runs now unless said"},

    {"networkMapping", "properties", TS_VAULT_FIELD_OBJECT, "networkMappingProperties", TRUE, 0, 0, "to what"},
    {"networkMappingProperties", "recoveryNetworkId", TS_VAULT_FIELD_ID, "network", TRUE, 0, 0,
     "the other site's network"},
    {"storageMapping", "properties", TS_VAULT_FIELD_OBJECT, "storageMappingProperties", TRUE, 0, 0, "to what"},
    {"storageMappingProperties", "targetStorageClassificationId", TS_VAULT_FIELD_ID, "classification", TRUE,
     0, 0, "the other site's classification"},

    {"plan", "properties", TS_VAULT_FIELD_OBJECT, "planProperties", TRUE, 0, 0, "what it says"},
    {"planProperties", "primaryFabricId", TS_VAULT_FIELD_ID, "fabric", TRUE, 0, 0, "source VMM server"},
    {"planProperties", "recoveryFabricId", TS_VAULT_FIELD_ID, "fabric", TRUE, 0, 0, "target VMM server"},
    {"planProperties", "groups", TS_VAULT_FIELD_LIST, "group", TRUE, 1, 9,
     "Shutdown and Failover, once at most, and 1 to 7 of Boot in order"},
    {"planUpdate", "properties", TS_VAULT_FIELD_OBJECT, "planUpdateProperties", TRUE, 0, 0, "what changes"},
    {"planUpdateProperties", "groups", TS_VAULT_FIELD_LIST, "group", TRUE, 1, 9, "in place of the old ones"},
    {"group", "groupType", TS_VAULT_FIELD_CHOICE, "Shutdown|Failover|Boot", TRUE, 0, 0, "when it is due"},
    {"group", "replicationProtectedItems", TS_VAULT_FIELD_LIST, "planItem", FALSE, 0, 100,
     "of Boot: what is started together"},
    {"group", "startGroupActions", TS_VAULT_FIELD_LIST, "action", FALSE, 0, 16, "before it, in order"},
    {"group", "endGroupActions", TS_VAULT_FIELD_LIST, "action", FALSE, 0, 16, "after it, in order"},
    {"planItem", "id", TS_VAULT_FIELD_ID, "item", TRUE, 0, 0, "a protected item"},
    {"action", "actionName", TS_VAULT_FIELD_TEXT, NULL, TRUE, 1, 128, "what it is called in the job"},
    {"action", "failoverTypes", TS_VAULT_FIELD_LIST, NULL, FALSE, 0, 3,
     "of PlannedFailover, UnplannedFailover, TestFailover; all unless said"},
    {"action", "failoverDirections", TS_VAULT_FIELD_LIST, NULL, FALSE, 0, 2,
     "of PrimaryToRecovery, RecoveryToPrimary; both unless said"},
    {"action", "customDetails", TS_VAULT_FIELD_OBJECT, "actionDetails", TRUE, 0, 0, "what is done"},
    {"actionDetails", "instanceType", TS_VAULT_FIELD_CHOICE, "ScriptActionDetails|ManualActionDetails", TRUE,
     0, 0, "a script, or something that people do"},
    {"actionDetails", "description", TS_VAULT_FIELD_TEXT, NULL, FALSE, 0, 1024,
     "of a manual action: what to do"},
    {"actionDetails", "path", TS_VAULT_FIELD_TEXT, NULL, FALSE, 1, 1024,
     "of a script: the executable, in the VMM server's script library"},
    {"actionDetails", "arguments", TS_VAULT_FIELD_LIST, NULL, FALSE, 0, 64, "of a script: its arguments"},
    {"actionDetails", "timeoutInSeconds", TS_VAULT_FIELD_INTEGER, NULL, FALSE, 1, 600,
     "of a script: 600 unless said"},
    {"actionDetails", "fabricLocation", TS_VAULT_FIELD_CHOICE, "Primary|Recovery", FALSE, 0, 0,
     "of a script: on which VMM server it runs; Recovery unless said"},

    {"planPlanned", "properties", TS_VAULT_FIELD_OBJECT, "plannedProperties", FALSE, 0, 0, "how"},
    {"planUnplanned", "properties", TS_VAULT_FIELD_OBJECT, "planUnplannedProperties", FALSE, 0, 0, "how"},
    {"planUnplannedProperties", "failoverDirection", TS_VAULT_FIELD_CHOICE, DIRECTIONS, FALSE, 0, 0,
     "PrimaryToRecovery unless said"},
    {"planUnplannedProperties", "sourceSiteOperations", TS_VAULT_FIELD_CHOICE, "Required|NotRequired", FALSE,
     0, 0, "Required: try to shut down and to send what is left first; NotRequired unless said"},
    {"planUnplannedProperties", "recoveryPointType", TS_VAULT_FIELD_CHOICE,
     "Latest|LatestApplicationConsistent", FALSE, 0, 0, "of every item; Latest unless said"},
    {"planTest", "properties", TS_VAULT_FIELD_OBJECT, "planTestProperties", FALSE, 0, 0, "how"},
    {"planTestProperties", "failoverDirection", TS_VAULT_FIELD_CHOICE, DIRECTIONS, FALSE, 0, 0,
     "PrimaryToRecovery unless said"},
    {"planTestProperties", "networkType", TS_VAULT_FIELD_CHOICE,
     "NoNetworkAttachAsInput|VmNetworkAsInput|CreateNetworkAsInput", FALSE, 0, 0, "as of one item"},
    {"planTestProperties", "networkId", TS_VAULT_FIELD_ID, "network", FALSE, 0, 0, "likewise"},

    {"exportJobs", "properties", TS_VAULT_FIELD_OBJECT, "exportProperties", FALSE, 0, 0, "which; all unless said"},
    {"exportProperties", "startTime", TS_VAULT_FIELD_TIME, NULL, FALSE, 0, 0, "begun then or later"},
    {"exportProperties", "endTime", TS_VAULT_FIELD_TIME, NULL, FALSE, 0, 0, "begun then or earlier"},
    {"exportProperties", "jobStatus", TS_VAULT_FIELD_CHOICE,
     "NotStarted|InProgress|Succeeded|Failed|Cancelled|Suspended", FALSE, 0, 0, "in this state"},
    {"exportProperties", "jobName", TS_VAULT_FIELD_TEXT, NULL, FALSE, 1, 128, "of this scenarioName"},
    {"exportProperties", "affectedObjectTypes", TS_VAULT_FIELD_CHOICE,
     "ProtectedItem|RecoveryPlan|ProtectionContainerMapping", FALSE, 0, 0, "of such an object"},

    {"alertSetting", "properties", TS_VAULT_FIELD_OBJECT, "alertProperties", TRUE, 0, 0, "who, and of what"},
    {"alertProperties", "sendToOwners", TS_VAULT_FIELD_CHOICE, "Send|DoNotSend", FALSE, 0, 0,
     "to who runs the vault; DoNotSend unless said"},
    {"alertProperties", "customEmailAddresses", TS_VAULT_FIELD_LIST, NULL, FALSE, 0, 20, "to these"},
    {"alertProperties", "locale", TS_VAULT_FIELD_TEXT, NULL, FALSE, 0, 32, "handed on with each alert"},
    {"alertProperties", "minimumSeverity", TS_VAULT_FIELD_CHOICE, "Info|Warning|Critical", FALSE, 0, 0,
     "of events that are at least so bad; Critical unless said (CHOICE)"},
    {"alertProperties", "eventTypes", TS_VAULT_FIELD_LIST, NULL, FALSE, 0, 20,
     "of these types, such as JobFailed; all unless said (CHOICE)"},

    {"jobComment", "properties", TS_VAULT_FIELD_OBJECT, "commentProperties", FALSE, 0, 0, "why"},
    {"commentProperties", "comments", TS_VAULT_FIELD_TEXT, NULL, FALSE, 0, 1024, "kept with the job"},
};

static const struct {
  const char *kind, *help;
} kinds[] = {
    {"vaultHealth", "how the vault is"},
    {"registrationKey", "what a VMM server registers with, once"},
    {"fabric", "a registered VMM server"},
    {"provider", "the Provider of a VMM server"},
    {"container", "a cloud of hosts"},
    {"protectableItem", "a virtual machine that can be protected"},
    {"mapping", "a pairing of two clouds by a policy"},
    {"item", "a protected virtual machine"},
    {"recoveryPoint", "an instant to which a protected item can go back"},
    {"network", "a VM network"},
    {"networkMapping", "which network stands for which at the other site"},
    {"logicalNetwork", "what VM networks are part of"},
    {"classification", "a storage classification"},
    {"storageMapping", "which storage stands for which at the other site"},
    {"policy", "a replication policy"},
    {"plan", "a recovery plan"},
    {"job", "an operation with its tasks"},
    {"event", "something that has happened"},
    {"alertSetting", "who is told of which events"},
};

const TsVaultRoute *
ts_vault_routes (guint *count)
{
  *count = G_N_ELEMENTS (routes);
  return routes;
}

const TsVaultField *
ts_vault_fields (guint *count)
{
  *count = G_N_ELEMENTS (fields);
  return fields;
}

const TsVaultField *
ts_vault_field (const char *body, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    if (g_str_equal (fields[i].body, body) && g_str_equal (fields[i].name, name))
      return &fields[i];
  return NULL;
}

const char *
ts_vault_kind_help (const char *kind)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    if (g_strcmp0 (kinds[i].kind, kind) == 0)
      return kinds[i].help;
  return NULL;
}

const char *
ts_vault_method_name (TsVaultMethod method)
{
  static const char *const names[] = {"GET", "PUT", "PATCH", "POST", "DELETE"};
  return (guint)method < G_N_ELEMENTS (names) ? names[method] : NULL;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The names that stand for the segments in braces; NULL: path is not of that pattern. */
static char **
match (const char *pattern, const char *path)
{
  g_auto (GStrv) wants = g_strsplit (pattern, "/", -1);
  g_auto (GStrv) has = g_strsplit (path, "/", -1);
  if (g_strv_length (wants) != g_strv_length (has))
    return NULL;
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; wants[i]; i++)
    if (wants[i][0] == '{') {
      if (has[i][0] == '\0')
        return NULL;
      g_ptr_array_add (names, g_strdup (has[i]));
    } else if (!g_str_equal (wants[i], has[i]))
      return NULL;
  g_ptr_array_add (names, NULL);
  return (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
}

const TsVaultRoute *
ts_vault_route_find (TsVaultMethod method, const char *path, char ***names, gboolean *other)
{
  if (other)
    *other = FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (routes); i++) {
    g_auto (GStrv) found = match (routes[i].pattern, path);
    if (found && routes[i].method == method) {
      if (names)
        *names = g_steal_pointer (&found);
      return &routes[i];
    }
    if (found && other)
      *other = TRUE;
  }
  return NULL;
}
