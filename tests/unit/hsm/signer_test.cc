// A whole activation through the signer's frames, and what it must survive.
#include "hsm/signer/signer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "procedures/reason.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::hsm {
namespace {

using procedures::IsRefusal;
using procedures::Reason;
using ::testing::ElementsAre;
using test::Must;
using test::TestEstate;

#define EXPECT_REFUSED(expression, reason) \
  do { \
    const ::smki::Status refused = (expression).status(); \
    EXPECT_TRUE(IsRefusal(refused, Reason::reason)) << refused; \
  } while (false)

class SignerTest : public ::testing::Test {
 protected:
  Eui64 Esme(size_t i) { return estate_.populations.at("esme").devices[i]; }
  Eui64 Gpf(size_t i) { return estate_.populations.at("gpf").devices[i]; }
  bool Verifies(const SignedItem& item) {
    const gbcs::Message message = Must(gbcs::ParseMessage(item.command));
    return estate_.token("recovery").key.public_key().Verify(gbcs::SignedOctets(message), *message.signature);
  }
  TestEstate estate_;
};

TEST_F(SignerTest, I1_SignsExactlyTheDirectedCommand) {
  ASSERT_TRUE(estate_.Open().ok());
  const SignedFrame result = Must(estate_.Sign("esme", {{Esme(3), 1}, {Esme(5), 1}}));
  ASSERT_EQ(result.items.size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    const SignedItem& item = result.items[i];
    EXPECT_EQ(item.refusal, "");
    EXPECT_EQ(item.counter, 1'000'000 + i);
    EXPECT_TRUE(Verifies(item));
    const gbcs::Message message = Must(gbcs::ParseMessage(item.command));
    EXPECT_EQ(message.originator, test::kRecovery);
    EXPECT_EQ(message.recipient, item.device);
    EXPECT_EQ(message.originator_counter, item.counter);
    EXPECT_EQ(message.message_code, gbcs::kAnyExceptAbnormalRootByRecoveryCode);
    EXPECT_FALSE(message.mac);
    const gbcs::CommandPayload payload = Must(gbcs::ParseCommandPayload(message.payload));
    EXPECT_EQ(payload.mode, gbcs::Mode::kAnyExceptAbnormalRootByRecovery);
    EXPECT_EQ(payload.seq_number, item.counter);
    EXPECT_EQ(payload.authorising_cell->ToString(), "recovery/digitalSignature");
    ASSERT_EQ(payload.replacements.size(), 2u);
    EXPECT_EQ(payload.replacements[0].cell.ToString(), "supplier/digitalSignature");
    EXPECT_EQ(payload.replacements[0].certificate, estate_.certificates.at("supplier-ds").der());
    EXPECT_EQ(payload.replacements[1].certificate, estate_.certificates.at("supplier-ka").der());
    EXPECT_THAT(payload.path_certificates, ElementsAre(estate_.certificates.at("issuing-oca").der()));
    EXPECT_FALSE(payload.execution_date_time);
    EXPECT_FALSE(payload.disapply_time_checks);
    EXPECT_FALSE(payload.new_floor);
    ASSERT_TRUE(payload.other_changes);
    EXPECT_EQ(payload.other_changes->at(0).role, gbcs::Role::kSupplier);
  }
}

}  // namespace
}  // namespace smki::hsm
