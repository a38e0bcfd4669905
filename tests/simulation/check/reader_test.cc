// The readers against the programs' own writers and against what may not be read.
#include <gtest/gtest.h>

#include "base/clock.h"
#include "gbcs/credentials.h"
#include "ledger/journal_records.h"
#include "ledger/ledger.h"
#include "pki/digest.h"
#include "tests/simulation/check/facts.h"
#include "tests/simulation/check/gbcs_reader.h"
#include "tests/simulation/check/ledger_reader.h"
#include "tests/simulation/check/log_reader.h"
#include "tests/simulation/check/population_reader.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::simulation {
namespace {

using hsm::test::Must;

TEST(TextReader, ReadsOnlyCanonicalText) {
  EXPECT_TRUE(Text::Read("a: 1\nb:\n  - c: x\n    d: y\n  - c: z\n    d: w\n").ok());
  for (const char* bad : {"", "a: 1", "a: 1\n\n", "a: 1 \n", "a:1\n", " a: 1\n", "a:\n", "a: 1\n  b: 2\n",
                          "a: \xC3\x9F\n", "a:\n    b: 1\n", "# x\n", "a: 1\r\n"}) {
    EXPECT_FALSE(Text::Read(bad).ok()) << bad;
  }
}

TEST(TextReader, ScalarsHaveOneSpelling) {
  const auto fault = [](const char* value, auto read) {
    std::string out;
    const Text text = Must(Text::Read(std::string("a: ") + value + "\n"));
    read(text["a"], out);
    return !out.empty();
  };
  const auto number = [](const Text& t, std::string& f) { t.Number(f); };
  EXPECT_FALSE(fault("18446744073709551615", number));
  for (const char* bad : {"01", "-1", "+1", "18446744073709551616", "1x"}) EXPECT_TRUE(fault(bad, number)) << bad;
  const auto digest = [](const Text& t, std::string& f) { t.Digest(f); };
  EXPECT_TRUE(fault(std::string(64, 'A').c_str(), digest));
  EXPECT_FALSE(fault(std::string(64, 'a').c_str(), digest));
  const auto time = [](const Text& t, std::string& f) { t.Time(f); };
  EXPECT_FALSE(fault("2026-11-21T03:00:00Z", time));
  EXPECT_TRUE(fault("2026-11-21T03:00:00.000Z", time));
  const auto quoted = [](const Text& t, std::string& f) { t.Quoted(f); };
  EXPECT_FALSE(fault("\"a: b\"", quoted));
  EXPECT_TRUE(fault("\"a\"b\"", quoted));
}

TEST(TextReader, KeysStandInOrderEachOnce) {
  const Text text = Must(Text::Read("a: 1\nb: 2\n"));
  EXPECT_TRUE(text.Shape({"a", "?x", "b"}).ok());
  EXPECT_FALSE(text.Shape({"b", "a"}).ok());
  EXPECT_FALSE(text.Shape({"a"}).ok());
  EXPECT_FALSE(text.Shape({"a", "b", "c"}).ok());
}

TEST(PopulationReader, AgreesWithTheDirectedDigest) {
  const hsm::test::TestEstate estate;
  for (const auto& [group, population] : estate.populations) {
    const Bytes file = EncodePopulation(population);
    const Population read = Must(ReadPopulation(file));
    EXPECT_EQ(read.digest, procedures::PopulationDigest(file));
    EXPECT_EQ(read.devices.size(), population.devices.size());
    Bytes longer = file;
    longer.push_back(0);
    EXPECT_FALSE(ReadPopulation(longer).ok());
    Bytes unordered = file;
    std::swap(unordered[unordered.size() - 1], unordered[unordered.size() - 9]);
    EXPECT_FALSE(ReadPopulation(unordered).ok());
  }
}

TEST(PopulationReader, MerkleRootIsThatOfRfc6962) {
  for (size_t count : {1u, 2u, 3u, 7u, 8u, 9u}) {
    pki::MerkleTree tree;
    std::vector<Bytes> leaves;
    for (size_t i = 0; i < count; ++i) {
      leaves.push_back(Bytes(i, 7));
      tree.AddLeaf(leaves.back());
    }
    EXPECT_EQ(MerkleRoot(leaves), tree.Root()) << count;
  }
}

TEST(LogReader, ReadsEveryRecordOfTheJournal) {
  const auto read = [](uint8_t type, const Bytes& payload) { return ReadJournalRecord({0, type, payload, {}}); };
  ledger::JournalCustody custody;
  custody.stage = "changed";
  custody.custodians = {"a", "b"};
  custody.from[0] = 1;
  custody.to[0] = 2;
  const auto change = read(kCustody, Encode(custody));
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->from, custody.from);
  EXPECT_EQ(change->to, custody.to);
  EXPECT_EQ(change->text, "changed");
  EXPECT_TRUE(read(kRefusal, Encode(ledger::JournalRefusal{{}, "X", "y", 2})).ok());
  EXPECT_FALSE(read(11, {}).ok());
}

TEST(LedgerReader, AgreesWithTheLedger) {
  const hsm::test::TempFolder folder;
  ManualClock clock(hsm::test::kStart);
  auto ledger = Must(ledger::Ledger::Open(folder / "ledger.sqlite", clock));
  for (const char* kind : {"genesis", "x", "y"}) Must(ledger->Append(ledger::NewEntry{"INC", "p", kind, {1, 2}}));
  const auto head = ledger->head();
  ASSERT_TRUE(ledger->CopyTo(PosixFiles(), folder / "copy").ok());
  const auto entries = Must(ReadLedger(folder / "copy"));
  ASSERT_EQ(entries.size(), 3u);
  for (const LedgerEntry& entry : entries) EXPECT_EQ(entry.hash, LedgerHash(entry));
  EXPECT_EQ(entries.back().hash, head.hash);
}

TEST(GbcsReader, WritesWhatTheSystemWrites) {
  hsm::test::TestEstate e;
  gbcs::CommandPayload payload;
  payload.disapply_time_checks = true;
  payload.authorising_cell = gbcs::TrustAnchorCell::Parse("recovery/digitalSignature");
  payload.new_floor = 200;
  payload.other_changes = {{gbcs::Role::kSupplier, 1u << 31, {{0, 9}}}, {gbcs::Role::kNetworkOperator, 0, {}}};
  Group group;
  group.name = "g";
  group.time_checks = false;
  group.authorising_floor = 200;
  group.floors = {{"supplier", 1u << 31, 9}, {"networkOperator", 0, std::nullopt}};
  std::map<Digest, Bytes> certificates;
  for (const char* cell : {"recovery/digitalSignature", "supplier/keyAgreement/prePaymentTopUp", "root/keyCertSign"}) {
    const pki::Certificate& certificate = e.certificates.at("recovery");
    certificates[certificate.sha256()] = certificate.der();
    group.replacements.emplace_back(cell, certificate.sha256());
    payload.replacements.push_back({certificate.der(), *gbcs::TrustAnchorCell::Parse(cell)});
  }
  payload.path_certificates = {e.certificates.at("recovery").der()};
  group.path = {e.certificates.at("recovery").sha256()};
  auto command = Must(gbcs::CommandTemplate::Make(hsm::test::kRecovery, payload, 1000, 1009));
  const Bytes whole = command.Encode(Eui64(7), 1003);
  const ByteSpan expected = gbcs::CommandTemplate::ToBeSigned(whole);
  EXPECT_EQ(Must(DirectedOctets(group, certificates, hsm::test::kRecovery, Eui64(7), 1003)), ToBytes(expected));
}

// --- votes ---

TEST(CountVotes, IsTheMostThatSeatsAndOrganisationsAllow) {
  Policy policy;
  policy.one_vote_per_organisation = true;
  policy.seats = {{"1", "a", {"b"}}, {"2", "c", {}}, {"3", "d", {}}};
  const auto person = [](const char* organisation, const char* role) { return PolicyPerson{organisation, {role}, {}}; };
  policy.persons = {{"a", person("x", "pma-member")},
                    {"b", person("y", "pma-alternate")},
                    {"c", person("x", "pma-member")},
                    {"d", person("z", "auditor")}};
  EXPECT_EQ(CountVotes(policy, {"a", "c"}), 1u);       // one organisation
  EXPECT_EQ(CountVotes(policy, {"a", "b"}), 1u);       // one seat
  EXPECT_EQ(CountVotes(policy, {"a", "b", "c"}), 2u);  // b for the seat, c for the organisation
  EXPECT_EQ(CountVotes(policy, {"d", "e"}), 0u);       // no member; nobody
  policy.one_vote_per_organisation = false;
  EXPECT_EQ(CountVotes(policy, {"a", "c"}), 2u);
}

}  // namespace
}  // namespace smki::simulation
