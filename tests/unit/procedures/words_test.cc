#include "procedures/words.h"

#include <gtest/gtest.h>

#include "gbcs/credentials.h"

namespace smki::procedures {
namespace {

// A Direction's cell is what gbcs reads and writes, or the signer could not encode it.
TEST(Words, EveryCellIsACellOfGbcs) {
  int cells = 0;
  for (int role = 0; role < 256; ++role) {
    for (const gbcs::KeyUsage usage : {gbcs::KeyUsage::kDigitalSignature, gbcs::KeyUsage::kKeyAgreement,
                                       gbcs::KeyUsage::kKeyCertSign, gbcs::KeyUsage::kCrlSign}) {
      for (const gbcs::CellUsage cell_usage : {gbcs::CellUsage::kManagement, gbcs::CellUsage::kPrePaymentTopUp}) {
        const gbcs::TrustAnchorCell cell{static_cast<gbcs::Role>(role), usage, cell_usage};
        const auto known = RoleOfCell(cell.ToString());
        if (!known) continue;
        ++cells;
        EXPECT_EQ(*known, gbcs::Name(cell.role));
        EXPECT_EQ(gbcs::TrustAnchorCell::Parse(cell.ToString()), cell) << cell.ToString();
      }
    }
  }
  // Seven roles with two usages, the root's one, and the supplier's prepayment cell (GBCS.md 5).
  EXPECT_EQ(cells, 16);
}

TEST(Words, OtherSpellingsAreNoCells) {
  for (const char* text :
       {"", "supplier", "supplier/", "/digitalSignature", "supplier/digitalSignature/", "Supplier/digitalSignature",
        "supplier/keyAgreement/management", "networkOperator/keyAgreement/prePaymentTopUp", "supplier/keyCertSign"}) {
    EXPECT_EQ(RoleOfCell(text), std::nullopt) << text;
  }
}

TEST(Words, AKeyHasTheModeThatGbcsGivesIt) {
  EXPECT_EQ(ModeOfKey("recovery"), gbcs::Name(gbcs::Mode::kAnyExceptAbnormalRootByRecovery));
  EXPECT_EQ(ModeOfKey("contingency"), gbcs::Name(gbcs::Mode::kAnyByContingency));
  EXPECT_EQ(ModeOfKey("symmetric"), "");
}

}  // namespace
}  // namespace smki::procedures
