#include <gtest/gtest.h>

#include <set>

#include "fleet.h"
#include "procedures/reason.h"
#include "smki/ledger/v1/ledger.pb.h"

namespace smki::orchestrator {
namespace {

using test::Behaviour;
using test::CampaignWorld;
using test::Fleet;

const DeviceState& StateOf(const CampaignWorld& world, Eui64 device) {
  return world.campaign->state()[*world.campaign->state().RankOf(device)];
}

// Records of one type in the campaign log.
std::vector<ledger::CampaignIgnored> Ignored(const CampaignWorld& world) {
  std::vector<ledger::CampaignIgnored> out;
  const auto read = ledger::ReadRecordLog(PosixFiles(), world.scratch.path() + "/campaign.log", ledger::kCampaignKind,
                                          [&](const ledger::Record& record) {
                                            if (record.type == static_cast<uint8_t>(ledger::CampaignType::kIgnored)) {
                                              out.push_back(*ledger::DecodeCampaignIgnored(record.payload));
                                            }
                                            return OkStatus();
                                          });
  EXPECT_TRUE(read.ok()) << read.status();
  return out;
}

TEST(Campaign, RecoversEveryDeviceThatAnswersAsDirected) {
  Fleet fleet(20, 10);
  CampaignWorld world(fleet);
  ASSERT_TRUE(world.Run("main").ok());
  const CampaignCounts& counts = world.campaign->state().counts();
  EXPECT_EQ(counts.recovered, 30u);
  EXPECT_EQ(counts.signatures, 30u);
  EXPECT_EQ(counts.proven, 30u);
  EXPECT_EQ(world.proven.size(), 30u);
}

TEST(Campaign, CanaryFirstAndEvenlySpread) {
  Fleet fleet(20, 10);
  CampaignWorld world(fleet);
  ASSERT_TRUE(world.Run("canary").ok());
  EXPECT_EQ(world.campaign->state().counts().begun, 3u);
  EXPECT_EQ(world.delivered.size(), 3u);
  EXPECT_EQ(world.campaign->CanaryResult(), std::make_pair(uint64_t{3}, uint64_t{3}));
  const std::set<Eui64> touched{world.delivered[0].first, world.delivered[1].first, world.delivered[2].first};
  EXPECT_EQ(touched, (std::set<Eui64>{fleet.Device(0), fleet.Device(10), fleet.Device(20)}));
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 30u);
  EXPECT_EQ(world.campaign->state().counts().signatures, 30u);
}

TEST(Campaign, ASecondCanaryTakesOtherDevices) {
  Fleet fleet(12, 0);
  CampaignWorld world(fleet);
  ASSERT_TRUE(world.Run("canary").ok());
  ASSERT_TRUE(world.Run("canary").ok());
  EXPECT_EQ(world.campaign->state().counts().begun, 6u);
}

TEST(Campaign, EveryBatchHasItsIntentBeforeItIsAskedFor) {
  Fleet fleet(20, 0);
  CampaignWorld world(fleet);
  int intents = 0;
  world.on_record = [&](const std::string& kind) {
    if (kind != "campaign.intent") return;
    ++intents;
    EXPECT_GT(intents, world.sign_calls);
  };
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(intents, world.sign_calls);
}

TEST(Campaign, ALostCommandIsSentAgainWithTheSameBytes) {
  Fleet fleet(4, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(1)].lose_commands = 1;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 4u);
  EXPECT_EQ(world.campaign->state().counts().signatures, 4u);
  EXPECT_EQ(world.campaign->state().counts().resent, 1u);
  EXPECT_EQ(StateOf(world, fleet.Device(1)).attempt, 1);
}

// Every Device has answered when it is known to be lost.
TEST(Campaign, AWaveEndsThoughTheAnswerToItsDeliveryWasLost) {
  Fleet fleet(4, 0);
  CampaignWorld world(fleet);
  world.lose_delivery_answers = 1;
  world.estate.latency = Millis(1000);
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 4u);
  EXPECT_EQ(world.campaign->state().counts().signatures, 4u);
  EXPECT_EQ(world.delivered.size(), 4u) << "nobody was left to send it to again";
  EXPECT_EQ(world.campaign->Progress().held_by, "");
}

TEST(Campaign, AfterTheResendsANewAttemptWithANewCounter) {
  Fleet fleet(4, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(1)].lose_commands = 2;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 4u);
  EXPECT_EQ(StateOf(world, fleet.Device(1)).attempt, 2);
  EXPECT_EQ(world.campaign->state().counts().signatures, 5u);
}

TEST(Campaign, WithoutAnyAnswerTheDeviceIsSilentAfterItsAttempts) {
  Fleet fleet(4, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(2)].silent = true;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().silent, 1u);
  EXPECT_EQ(StateOf(world, fleet.Device(2)).attempt, 3);
  EXPECT_EQ(world.campaign->Progress().failures, (std::map<std::string, uint64_t>{{"no-response", 1}}));
}

TEST(Campaign, I6_HalfReplacedIsTriedAgainAndThenRecovered) {
  Fleet fleet(3, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].fail_cells = 1;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 3u);
  EXPECT_EQ(StateOf(world, fleet.Device(0)).attempt, 2);
}

TEST(Campaign, I6_HalfReplacedIsAState) {
  Fleet fleet(3, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].fail_cells = 99;
  fleet.behaviour[fleet.Device(1)].fail_all = true;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kHalfReplaced);
  EXPECT_EQ(StateOf(world, fleet.Device(1)).outcome, DeviceOutcome::kRefused);
  EXPECT_EQ(world.campaign->state().counts().half_replaced, 1u);
  EXPECT_EQ(world.campaign->Progress().failures, (std::map<std::string, uint64_t>{{"cell-noTrustAnchor", 2}}));
  EXPECT_EQ(world.proven.count(fleet.Device(0)), 0u);
}

TEST(Campaign, I6_AHalfReplacedDeviceThatFallsSilentStaysHalfReplaced) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].fail_cells = 1;
  fleet.behaviour[fleet.Device(0)].answers = 1;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kHalfReplaced);
}

TEST(Campaign, I6_SuccessWithAnotherKeyIsNotRecovered) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].other_key = true;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kRefused);
  EXPECT_EQ(world.campaign->Progress().failures.count("cell-other-key"), 1u);
}

TEST(Campaign, I6_ACellNobodyDirectedIsNotRecovered) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].extra_cell = true;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kHalfReplaced);
  EXPECT_EQ(world.campaign->Progress().failures.count("cell-out-of-scope"), 1u);
}

TEST(Campaign, I6_AResponseSignedByAnotherDeviceIsIgnoredAndRecorded) {
  Fleet fleet(3, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].sign_as = fleet.Device(1);
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kSilent);
  ASSERT_FALSE(Ignored(world).empty());
  EXPECT_EQ(Ignored(world).front().reason, "bad-signature");
  EXPECT_EQ(Ignored(world).front().device, fleet.Device(0));
}

TEST(Campaign, I6_AResponseToACounterNobodySignedIsIgnoredAndRecorded) {
  Fleet fleet(3, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].other_counter = true;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kSilent);
  EXPECT_EQ(Ignored(world).front().reason, "other-counter");
}

TEST(Campaign, I6_AnAnswerToOneDevicesCounterDoesNotProveAnother) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].silent = true;
  fleet.behaviour[fleet.Device(1)].silent = true;
  world.Begin("main");
  world.executor.Advance(Millis(10));
  ASSERT_EQ(world.delivered.size(), 2u);
  world.Push(fleet.Respond(fleet.Device(0), world.delivered[1].second, {}), fleet.Device(0));
  world.executor.RunUntilIdle();
  EXPECT_EQ(world.campaign->state().counts().recovered, 0u);
  EXPECT_EQ(Ignored(world).front().reason, "other-counter");
}

TEST(Campaign, I6_AResponseNamedForAnotherDeviceIsIgnored) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].silent = true;
  fleet.behaviour[fleet.Device(1)].silent = true;
  world.Begin("main");
  world.executor.Advance(Millis(10));
  world.Push(fleet.Respond(fleet.Device(0), world.delivered[0].second, {}), fleet.Device(1));
  world.executor.RunUntilIdle();
  EXPECT_EQ(Ignored(world).front().reason, "other-device");
}

TEST(Campaign, I6_WithoutACertificateInTheRepositoryNothingIsProven) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  fleet.store->records[fleet.Device(0)].front().status = repository::CertificateStatus::kRevoked;
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kSilent);
  EXPECT_EQ(Ignored(world).front().reason, "no-device-certificate");
}

TEST(Campaign, I6_AProofThatTheKeyguardRefusesIsRecorded) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  world.proof_refused.insert(fleet.Device(1));
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().proven, 1u);
  const auto ignored = Ignored(world);
  ASSERT_EQ(ignored.size(), 1u);
  EXPECT_EQ(ignored[0].reason, "proof-refused");
  EXPECT_EQ(ignored[0].device, fleet.Device(1));
}

TEST(Campaign, I10_AResponseThatCannotBeLoggedStopsTheCampaignAndIsNotSkipped) {
  Fleet fleet(3, 0);
  CampaignWorld world(fleet);
  for (size_t i = 0; i < 3; ++i) fleet.behaviour[fleet.Device(i)].silent = true;
  world.Begin("main");
  world.executor.Advance(Millis(10));
  ASSERT_EQ(world.delivered.size(), 3u);
  world.disk.full_for_appends = 1;  // the first of the three cannot be written, the others could
  for (size_t i = 0; i < 3; ++i)
    world.Push(fleet.Respond(fleet.Device(i), world.delivered[i].second, {}), world.delivered[i].first);
  world.executor.RunUntilIdle();
  ASSERT_TRUE(world.ended.has_value());
  EXPECT_TRUE(procedures::IsRefusal(*world.ended, procedures::Reason::kAUDIT_NOT_DURABLE)) << *world.ended;
  EXPECT_EQ(world.campaign->state().counts().recovered, 0u);
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 3u);
}

// Those before it count, and whoever is told of the end may tell of them: they must outlive a power cut.
TEST(Campaign, I2_ResponsesBeforeOneThatCannotBeLoggedAreDurableBeforeTheEndIsTold) {
  Fleet fleet(3, 0);
  CampaignWorld world(fleet);
  for (size_t i = 0; i < 3; ++i) fleet.behaviour[fleet.Device(i)].silent = true;
  bool durable_when_told = false;
  world.campaign->RunWave("main", [&](const Status& status) {
    world.ended = status;
    durable_when_told = !world.disk.unsynced;
  });
  world.executor.Advance(Millis(10));
  ASSERT_EQ(world.delivered.size(), 3u);
  estate::v1::ResponseBatch batch;
  for (const auto& [device, counter] : world.delivered) {
    estate::v1::Response& response = *batch.add_responses();
    response.set_sequence(static_cast<uint64_t>(batch.responses_size()));
    response.set_device(device.value());
    response.set_message(fleet.Respond(device, counter, {}));
    world.outbox[response.sequence()] = {device, response.message()};
  }
  world.disk.appends_before_full = 1;
  world.disk.full_for_appends = 1;
  world.estate.Push(test::kResponses, batch.SerializeAsString());
  world.executor.RunUntilIdle();
  ASSERT_TRUE(world.ended.has_value());
  EXPECT_TRUE(procedures::IsRefusal(*world.ended, procedures::Reason::kAUDIT_NOT_DURABLE)) << *world.ended;
  EXPECT_EQ(world.campaign->state().counts().recovered, 1u);
  EXPECT_TRUE(durable_when_told);
  const std::string log = world.scratch.path() + "/campaign.log";
  EXPECT_EQ(world.disk.synced[log], std::filesystem::file_size(log));
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 3u);
}

TEST(Campaign, ALateAnswerToAnEarlierAttemptRecovers) {
  Fleet fleet(1, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].silent = true;
  world.Begin("main");
  world.executor.Advance(Millis(2500));  // the second attempt is under way
  ASSERT_EQ(StateOf(world, fleet.Device(0)).attempt, 2);
  world.Push(fleet.Respond(fleet.Device(0), world.delivered[0].second, {}), fleet.Device(0));
  world.executor.Advance(Millis(100));
  EXPECT_EQ(StateOf(world, fleet.Device(0)).outcome, DeviceOutcome::kRecovered);
  EXPECT_TRUE(world.ended && world.ended->ok());
}

TEST(Campaign, NeverMoreOutstandingThanDirected) {
  Fleet fleet(30, 0);
  fleet.direction.limits.outstanding = 5;
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(3)].silent = true;
  uint64_t most = 0;
  world.on_record = [&](const std::string&) { most = std::max(most, world.campaign->state().counts().outstanding()); };
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_LE(most, 5u);
  EXPECT_EQ(world.campaign->state().counts().recovered, 29u);
}

TEST(Campaign, EndsWithItsReasonWhenTheOutstandingLimitIsSpentBySilence) {
  Fleet fleet(30, 0);
  fleet.direction.limits.outstanding = 2;
  CampaignWorld world(fleet);
  for (size_t i = 0; i < fleet.size(); ++i) fleet.behaviour[fleet.Device(i)].silent = true;
  const Status status = world.Run("main");
  EXPECT_TRUE(procedures::IsRefusal(status, procedures::Reason::kOUTSTANDING_LIMIT)) << status;
  EXPECT_EQ(world.campaign->state().counts().signed_devices, 2u);
}

TEST(Campaign, I5_AClosedKeyIsOpenedAgainAndTheWaveGoesOn) {
  Fleet fleet(10, 0);
  CampaignWorld world(fleet);
  world.sign_error = procedures::Refuse(procedures::Reason::kKEY_CLOSED, "the signer has ended");
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.reopened, 1);
  EXPECT_EQ(world.campaign->state().counts().recovered, 10u);
}

TEST(Campaign, AHaltEndsTheWaveWithItsReason) {
  Fleet fleet(10, 0);
  CampaignWorld world(fleet);
  world.sign_error = procedures::Refuse(procedures::Reason::kKEY_CLOSED, "halted");
  world.reopen_status = procedures::Refuse(procedures::Reason::kKEY_HALTED, "by ann");
  EXPECT_TRUE(procedures::IsRefusal(world.Run("main"), procedures::Reason::kKEY_HALTED));
}

// A command to `recipient` that nobody asked for.
std::string CommandTo(Eui64 recipient) {
  gbcs::Message message;
  message.originator_counter = 1000;
  message.originator = test::kOriginator;
  message.recipient = recipient;
  message.message_code = gbcs::kAnyExceptAbnormalRootByRecoveryCode;
  message.payload = {0x30, 0x00};
  message.signature.emplace();
  return ToString(gbcs::EncodeMessage(message));
}

TEST(Campaign, AKeyguardThatAnswersForAnotherDeviceIsNotDelivered) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  world.signed_[{fleet.Device(0), 1}] = CommandTo(fleet.Device(1));
  EXPECT_FALSE(world.Run("main").ok());
  EXPECT_TRUE(world.delivered.empty());
}

TEST(Campaign, I2_NothingOfABatchIsDeliveredIfItsLastCommandIsWrong) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  world.signed_[{fleet.Device(1), 1}] = CommandTo(fleet.Device(0));
  EXPECT_FALSE(world.Run("main").ok());
  EXPECT_TRUE(world.delivered.empty());
  EXPECT_EQ(world.campaign->state().counts().signatures, 0u);
}

TEST(Campaign, WhatCouldNotBeIntendedWaitsAgain) {
  Fleet fleet(5, 0);
  CampaignWorld world(fleet);
  world.record_fails_once = "campaign.intent";
  EXPECT_FALSE(world.Run("main").ok());
  EXPECT_TRUE(world.delivered.empty());
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 5u);
}

TEST(Campaign, I2_AnAttemptThatComesBackWithAnotherCounterIsNotDelivered) {
  Fleet fleet(1, 0);
  CampaignWorld world(fleet);
  fleet.behaviour[fleet.Device(0)].lose_commands = 99;
  world.Begin("main");
  while (world.delivered.empty()) world.executor.Advance(Millis(10));
  const size_t before = world.delivered.size();
  world.signed_.clear();  // a keyguard that has forgotten signs again
  world.Reopen();
  EXPECT_FALSE(world.Run("main").ok());
  EXPECT_EQ(world.delivered.size(), before);
}

TEST(Campaign, PausedSendsNothingNewButStillTakesAnswers) {
  Fleet fleet(20, 0);
  CampaignWorld world(fleet);
  world.settings.window = 8;
  world.Reopen();
  world.Begin("main");
  world.executor.Advance(Millis(5));
  const size_t sent = world.delivered.size();
  ASSERT_GT(sent, 0u);
  world.campaign->SetPaused(true);
  world.executor.Advance(Millis(5000));
  EXPECT_EQ(world.delivered.size(), sent);
  EXPECT_EQ(world.campaign->state().counts().recovered, sent);
  world.campaign->SetPaused(false);
  for (int i = 0; i < 100 && !world.ended; ++i) world.executor.Advance(Millis(100));
  EXPECT_EQ(world.campaign->state().counts().recovered, 20u);
}

TEST(Campaign, TheSummaryCountsTheWholeLog) {
  Fleet fleet(5, 0);
  CampaignWorld world(fleet);
  ASSERT_TRUE(world.Run("main").ok());
  ledger::v1::CampaignSummary summary;
  ASSERT_EQ(world.ledger.back().first, "campaign.summary");
  const Bytes& payload = world.ledger.back().second;
  ASSERT_TRUE(summary.ParseFromArray(payload.data(), static_cast<int>(payload.size())));
  world.Push(fleet.Respond(fleet.Device(0), 1000, {}), fleet.Device(0));  // too late to be in it
  world.executor.Advance(Millis(1000));
  EXPECT_EQ(summary.log_records(), world.campaign->log_records());
  EXPECT_EQ(summary.log_head(), ToString(world.campaign->log_head()));
  EXPECT_EQ(summary.recovered(), 5u);
}

// --- I2: whatever the moment of a crash, it ends in the same recovered set ---

class CampaignCrash : public ::testing::TestWithParam<int> {};

TEST_P(CampaignCrash, I2_ReopenedAtAnyMomentEndsInTheSameRecoveredSet) {
  Fleet fleet(24, 8);
  CampaignWorld world(fleet);
  for (size_t i = 0; i < fleet.size(); i += 5) fleet.behaviour[fleet.Device(i)].lose_commands = 1;
  for (size_t i = 0; i < fleet.size(); i += 7) fleet.behaviour[fleet.Device(i)].lose_responses = 1;
  fleet.behaviour[fleet.Device(4)].fail_cells = 99;
  world.Begin("main");
  world.executor.Advance(Millis(GetParam()));
  if (!world.ended) {
    const CampaignState before = world.campaign->state();
    world.Reopen();
    EXPECT_TRUE(before == world.campaign->state());  // the fold
    ASSERT_TRUE(world.Run("main").ok());
  }
  EXPECT_EQ(world.campaign->state().counts().recovered, fleet.size() - 1);
  EXPECT_EQ(world.campaign->state().counts().half_replaced, 1u);
  EXPECT_EQ(world.campaign->state().counts().signatures, world.signed_.size());
}

INSTANTIATE_TEST_SUITE_P(Moments, CampaignCrash,
                         ::testing::Values(0, 1, 2, 3, 4, 5, 10, 22, 23, 24, 25, 30, 500, 1001, 1010, 1030, 2500));

// After each kind of ledger entry, which is where the fail points of a batch lie.
class CampaignCrashAtEntry : public ::testing::TestWithParam<const char*> {};

TEST_P(CampaignCrashAtEntry, I2_NothingIsSignedTwice) {
  Fleet fleet(24, 0);
  CampaignWorld world(fleet);
  bool crash = false;
  world.on_record = [&](const std::string& kind) { crash = crash || kind == GetParam(); };
  world.Begin("main");
  while (!crash && !world.ended) world.executor.Advance(Millis(1));
  world.Reopen();
  ASSERT_TRUE(world.Run("main").ok());
  EXPECT_EQ(world.campaign->state().counts().recovered, 24u);
  EXPECT_EQ(world.signed_.size(), 24u);  // one attempt each
}

INSTANTIATE_TEST_SUITE_P(Entries, CampaignCrashAtEntry, ::testing::Values("campaign.intent", "campaign.batch"));

TEST(Campaign, I2_ALogOfAnotherDirectionIsRefused) {
  Fleet fleet(2, 0);
  CampaignWorld world(fleet);
  world.campaign.reset();
  fleet.digest.fill(8);
  Campaign::Plan plan;
  plan.incident = "INC-1";
  plan.direction = fleet.direction;
  plan.digest = fleet.digest;
  plan.populations = fleet.populations;
  plan.intents = fleet.intents;
  Campaign::Seams seams{world.executor, world.clock, PosixFiles(), world.keyguard,
                        world.estate,   fleet.store, nullptr,      nullptr};
  EXPECT_EQ(Campaign::Open(std::move(seams), std::move(plan), world.scratch.path() + "/campaign.log").status().code(),
            StatusCode::kDataLoss);
}

TEST(Campaign, ASummaryLostInACrashIsWrittenWithoutAnotherWave) {
  Fleet fleet(12, 0);
  CampaignWorld world(fleet);
  ASSERT_TRUE(world.Run("canary").ok());
  world.summarised = 0;  // as if the entry had not become durable
  world.Reopen();
  ASSERT_TRUE(world.Run("canary").ok());
  EXPECT_EQ(world.campaign->state().counts().begun, 3u);
}

}  // namespace
}  // namespace smki::orchestrator
