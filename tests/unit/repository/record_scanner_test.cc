// A scanner that has met a record of the same shape reads the next one by comparing; it must read what one reads that
// has met none.
#include "repository/extract/record_scanner.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace smki::repository {
namespace {

using Step = RecordScanner::Step;
constexpr uint64_t kSeed = 12;
constexpr std::string_view kRecord =
    "  <CertificateResponse>\n"
    "    <CertificateSubjectAltName>00-DB-12-34-56-78-9A-BC</CertificateSubjectAltName>\n"
    "    <CertificateSerial>40a19a829d9279148e2eee540c412ff3</CertificateSerial>\n"
    "    <CertificateStatus>I</CertificateStatus>\n"
    "    <CertificateBody>\nMIIBlTCCATqgAwIBAgIQQKGagp2SeRSOLu5UDEEv8zAKBggqhkjOPQQDAjAcMQsw\nCQYDVQ==\n"
    "</CertificateBody>\n"
    "    <CertificateUsage>DS</CertificateUsage>\n"
    "  </CertificateResponse>\n";

// Everything a scanner says of the rest of a document.
std::string Said(RecordScanner& scanner) {
  std::string out;
  ScannedRecord record;
  for (Step step = Step::kRecord; step == Step::kRecord;) {
    step = scanner.Next(record);
    out += fmt::format("step {}", static_cast<int>(step));
    if (step == Step::kRefused) {
      out +=
          fmt::format(" {} \"{}\" at {}", Name(scanner.refusal()), scanner.refusal_detail(), scanner.refusal_offset());
    }
    if (step != Step::kRecord) break;
    out += fmt::format(" at {}", record.offset);
    for (const std::string_view field : record.fields) {
      out += field.data() == nullptr ? " -" : fmt::format(" [{}]", field);
    }
    if (record.fault) out += fmt::format(" {} {}", Name(record.fault->reject), record.fault->detail);
    out += "\n";
  }
  return out;
}

// `text` read by a scanner that has read `before`, and by one that has not.
void ExpectSame(std::string_view before, std::string_view text) {
  RecordScanner fresh(text, before.size(), /*first=*/false);
  const std::string both = std::string(before) + std::string(text);
  RecordScanner knowing(both, 0, /*first=*/false);
  ScannedRecord first;
  ASSERT_EQ(knowing.Next(first), Step::kRecord);
  ASSERT_FALSE(first.fault);
  ASSERT_EQ(Said(knowing), Said(fresh)) << text;
}

TEST(RecordScanner, ARecordLikeTheOneBeforeIsReadTheSame) {
  ExpectSame(kRecord, kRecord);
  RecordScanner scanner(kRecord, 0, /*first=*/false);
  EXPECT_EQ(Said(scanner),
            "step 0 at 2 - [00-DB-12-34-56-78-9A-BC] [40a19a829d9279148e2eee540c412ff3] [I] "
            "[MIIBlTCCATqgAwIBAgIQQKGagp2SeRSOLu5UDEEv8zAKBggqhkjOPQQDAjAcMQsw\nCQYDVQ==] - [DS] -\nstep 1");
}

TEST(RecordScanner, AnyOctetInAnyPlaceOfTheSecondRecordIsReadTheSame) {
  for (size_t at = 0; at < kRecord.size(); ++at) {
    std::string text(kRecord);
    for (const char octet : std::string("<>&/!-=;: \t\r\n\"'?xD\0\x1F\x7F\x80\xC3\xFF", 25)) {
      text[at] = octet;
      ExpectSame(kRecord, text);
    }
  }
}

TEST(RecordScanner, AnyCutOfTheSecondRecordIsReadTheSame) {
  for (size_t size = 0; size <= kRecord.size(); ++size) {
    ExpectSame(kRecord, kRecord.substr(0, size));
    ExpectSame(kRecord, std::string(kRecord).erase(size, 1));
  }
}

TEST(RecordScanner, AnyPiecePutAnywhereInTheSecondRecordIsReadTheSame) {
  const std::string long_text(20000, 'A');
  for (const std::string_view piece :
       {std::string_view(" "), std::string_view("\n"), std::string_view("&amp;"), std::string_view("&x;"),
        std::string_view("<!-- c -->"), std::string_view("<!-- </ -->"), std::string_view("<A/>"),
        std::string_view("<ManufacturingFlag>true</ManufacturingFlag>"), std::string_view("<![CDATA[x]]>"),
        std::string_view("\xC3\xA4"), std::string_view(long_text), std::string_view(long_text).substr(0, 70)}) {
    for (size_t at = 0; at <= kRecord.size(); ++at) ExpectSame(kRecord, std::string(kRecord).insert(at, piece));
  }
}

TEST(RecordScanner, ManyShapesInTurnAreReadTheSame) {
  SeededRandom random(kSeed);
  std::vector<std::string> records;
  for (int kind = 0; kind < 7; ++kind) {
    std::string text(kRecord);
    const size_t flag = text.find("  </CertificateResponse>");
    if (kind & 1) text.insert(flag, "    <ManufacturingFlag>false</ManufacturingFlag>\n");
    if (kind & 2)
      text.insert(text.find("    <CertificateUsage>"), "<!-- role --><CertificateRole>02</CertificateRole>");
    if (kind & 4) text.replace(text.find("40a1"), 4, "");
    records.push_back(text);
  }
  std::string all, expected;
  for (int i = 0; i < 500; ++i) {
    const std::string& record = records[random.Below(records.size())];
    RecordScanner fresh(record, all.size(), /*first=*/false);
    const std::string said = Said(fresh);
    expected += said.substr(0, said.rfind("step 1"));
    all += record;
  }
  RecordScanner scanner(all, 0, /*first=*/false);
  EXPECT_EQ(Said(scanner), expected + "step 1");
}

}  // namespace
}  // namespace smki::repository
