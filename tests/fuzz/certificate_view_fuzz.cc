// A certificate, any octets: what ReadCertificate accepts, pki::Certificate::Parse accepts with the same values. The
// input is DER as it is, or says how to change one of eight good certificates: value by value, with the lengths around
// it made right again, or octet by octet.
#include <memory>

#include "tests/fuzz/same_certificate.h"

namespace smki::repository {
namespace {

using namespace smki::der;  // tags

struct Node {
  uint8_t tag = 0;
  size_t lead = 0;  // octets of `content` in front of the children: a BIT STRING's count of unused bits
  Bytes content;    // all of a leaf
  std::vector<Node> children;
};

// A value's inner values, as far as it has some: constructed ones, and what OCTET and BIT STRINGs wrap.
Node TreeOf(const DerValue& value) {
  Node out{value.tag, 0, {}, {}};
  const bool wraps = value.tag == kOctetString || value.tag == kBitString;
  if ((value.tag & 0x20) == 0 && !wraps) {
    out.content = ToBytes(value.content);
    return out;
  }
  out.lead = value.tag == kBitString && !value.content.empty() ? 1 : 0;
  out.content = ToBytes(value.content.first(out.lead));
  DerReader in(value.content.subspan(out.lead));
  while (!in.at_end()) {
    const auto inner = in.Next();
    if (!inner.ok()) return {value.tag, 0, ToBytes(value.content), {}};
    out.children.push_back(TreeOf(*inner));
  }
  return out;
}

void Write(const Node& node, DerWriter& out) {
  DerWriter content;
  content.Raw(node.content);
  for (const Node& child : node.children) Write(child, content);
  out.Wrap(node.tag, content);
}

// Every value with the list that it stands in.
void Collect(std::vector<Node>& list, std::vector<std::pair<std::vector<Node>*, size_t>>& out) {
  for (size_t i = 0; i < list.size(); ++i) {
    out.push_back({&list, i});
    Collect(list[i].children, out);
  }
}

// One change: what, which value, and two numbers for it.
void Change(std::vector<Node>& top, const uint8_t* change) {
  std::vector<std::pair<std::vector<Node>*, size_t>> all;
  Collect(top, all);
  if (all.empty() || all.size() > 200) return;
  auto& [list, at] = all[change[1] % all.size()];
  Node& node = (*list)[at];
  Bytes& content = node.content;
  const size_t where = content.empty() ? 0 : change[2] % content.size();
  const auto here = list->begin() + static_cast<ptrdiff_t>(at);
  switch (change[0] % 9) {
    case 0:
      if (!content.empty()) content[where] = change[3];
      return;
    case 1:
      content.insert(content.begin() + static_cast<ptrdiff_t>(where), change[3]);
      return;
    case 2:
      if (!content.empty()) content.erase(content.begin() + static_cast<ptrdiff_t>(where));
      return;
    case 3:
      node.tag = change[3];
      return;
    case 4:
      list->erase(here);
      return;
    case 5: {
      const Node copy = node;
      list->insert(here, copy);
      return;
    }
    case 6:
      std::swap(node, (*list)[(at + 1) % list->size()]);
      return;
    case 7: {
      const auto& [other_list, other] = all[change[2] % all.size()];
      const Node copy = (*other_list)[other];
      list->insert(here, copy);
      return;
    }
    default:
      content.resize(std::min<size_t>(content.size() + change[2], 4096), change[3]);
  }
}

const std::vector<Bytes>& Certificates() {
  static const auto& all = *[] {
    const auto key = [](uint8_t n) { return *pki::PrivateKey::FromScalar(Bytes(32, n)); };
    pki::PrivateKey root = key(1), issuing = key(2);
    const pki::PublicKey subject = key(3).public_key();
    const Bytes serial(16, 0x42);
    const UtcTime from = *ParseDate("2026-01-01");
    const auto until = [](const char* date) { return *ParseDate(date); };
    const pki::AuthoritySubject oca{"root OCA", "00"}, issuing_oca{"issuing OCA", "07"}, dca{"root DCA", ""},
        issuing_dca{"issuing DCA", ""};
    const pki::IssuerIdentity by_oca{&root, pki::AuthorityName(oca)}, by_dca{&root, pki::AuthorityName(dca)},
        by_issuing_oca{&issuing, pki::AuthorityName(issuing_oca)},
        by_issuing_dca{&issuing, pki::AuthorityName(issuing_dca)};
    const std::vector<pki::Certificate> made = {
        *pki::IssueAuthorityCertificate(by_oca, oca, root.public_key(), -1, pki::kOrganisationPolicy, serial, from,
                                        until("2076-01-01")),
        *pki::IssueAuthorityCertificate(by_oca, issuing_oca, issuing.public_key(), 0, pki::kOrganisationPolicy, serial,
                                        from, until("2051-01-01")),
        *pki::IssueAuthorityCertificate(by_dca, dca, root.public_key(), -1, pki::kDevicePolicy, serial, from,
                                        until("2076-01-01")),
        *pki::IssueAuthorityCertificate(by_dca, issuing_dca, issuing.public_key(), 0, pki::kDevicePolicy, serial, from,
                                        until("2051-01-01")),
        *pki::IssueOrganisationCertificate(by_issuing_oca, {"supplier", 2, Eui64(0x90B3D51F30010000)}, subject,
                                           pki::kDigitalSignature, serial, from, until("2036-01-01")),
        *pki::IssueOrganisationCertificate(by_issuing_oca, {"", 2, Eui64(0x90B3D51F30010000)}, subject,
                                           pki::kKeyAgreement, serial, from, until("2036-01-01")),
        *pki::IssueDeviceCertificate(by_issuing_dca, Eui64(0x00DB123456000000), subject, pki::kDigitalSignature, serial,
                                     from),
        *pki::IssueDeviceCertificate(by_issuing_dca, Eui64(0x00DB123456000000), subject, pki::kKeyAgreement, serial,
                                     from)};
    // Always the same octets: a signature has chance in it.
    pki::RawSignature same;
    same.fill(0x51);
    DerWriter signature;
    signature.Raw(pki::SignatureToDer(same));
    auto* out = new std::vector<Bytes>;
    for (const pki::Certificate& certificate : made) {
      Node tree = TreeOf(*DerReader(certificate.der()).Next());
      tree.children.back() = {kBitString, 0, {0}, {TreeOf(*DerReader(signature.bytes()).Next())}};
      DerWriter der;
      Write(tree, der);
      CertificateView view;
      SMKI_CHECK(!ReadCertificate(der.bytes(), view));
      out->push_back(der.Take());
    }
    return out;
  }();
  return all;
}

void Check(ByteSpan der) {
  CertificateView view;
  if (!ReadCertificate(der, view)) CheckSameCertificate(view);
}

}  // namespace
}  // namespace smki::repository

// First octet: 0x80 or more, DER follows; else which certificate, and changes of four octets each follow. Behind a
// change of 0xFF are changes to the octets: two of offset, one of value, one that does not count.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki;
  using namespace smki::repository;
  constexpr size_t kMostChanges = 16;
  if (size == 0) return 0;
  if (data[0] >= 0x80) {
    Check({data + 1, size - 1});
    return 0;
  }
  const Bytes& good = Certificates()[data[0] % Certificates().size()];
  std::vector<Node> top = {TreeOf(*DerReader(good).Next())};
  size_t at = 1;
  for (size_t changes = 0; changes < kMostChanges && at + 4 <= size && data[at] != 0xFF; ++changes, at += 4)
    Change(top, data + at);
  DerWriter writer;
  for (const Node& node : top) Write(node, writer);
  Bytes der = writer.Take();
  for (at += 4; at + 4 <= size && !der.empty(); at += 4)
    der[(size_t{data[at]} << 8 | data[at + 1]) % der.size()] = data[at + 2];
  Check(der);
  return 0;
}
