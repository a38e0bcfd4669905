#include "repository/profile/certificate_template.h"

#include <algorithm>
#include <cstring>

#include "pki/curve.h"
#include "repository/profile/certificate_parts.h"

namespace smki::repository {

using namespace smki::der;  // tags

namespace {

constexpr size_t kHead = 4;          // of the certificate: 30 82 and its size
constexpr size_t kBlock = 64;        // octets compared at once
constexpr size_t kMaxSigned = 1024;  // octets; a Device's certificate has some 350
constexpr uint8_t kAlgorithm[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};

typedef uint64_t Words __attribute__((vector_size(16)));

Words Load(const uint8_t* at) {
  Words out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

}  // namespace

struct CertificateTemplates::Template {
  std::array<uint8_t, kMaxSigned + kBlock> octets{},
      mask{};            // of what is signed; the mask is zero where any octet will do
  CertificateView view;  // into `octets`
  uint8_t time_tag = 0;

  bool Matches(const uint8_t* tbs) const {
    for (size_t at = 0; at < view.tbs.size(); at += kBlock) {
      Words different = {0, 0};
      for (size_t i = at; i < at + kBlock; i += sizeof(Words))
        different |= (Load(tbs + i) ^ Load(octets.data() + i)) & Load(mask.data() + i);
      if ((different[0] | different[1]) != 0) return false;
    }
    return true;
  }

  // Of a certificate whose signed part begins at `tbs`.
  ByteSpan Moved(ByteSpan own, const uint8_t* tbs) const {
    return own.empty() ? ByteSpan() : ByteSpan(tbs + (own.data() - octets.data()), own.size());
  }

  bool Read(ByteSpan der, CertificateView& out) const {
    const size_t size = view.tbs.size(), end = kHead + size + sizeof kAlgorithm;
    if (der.size() < std::max(end, kHead + (size + kBlock - 1) / kBlock * kBlock) || der.size() > kMaxCertificate ||
        der[0] != kSequence || der[1] != 0x82 || (size_t{der[2]} << 8 | der[3]) != der.size() - kHead || der[2] == 0)
      return false;
    const uint8_t* const tbs = der.data() + kHead;
    if (!Matches(tbs) || std::memcmp(tbs + size, kAlgorithm, sizeof kAlgorithm) != 0) return false;
    Walk rest(der.subspan(end));
    Value signature;
    if (!rest.Next(kBitString, signature) || !rest.done()) return false;
    out = view;
    out.der = der;
    for (ByteSpan CertificateView::*part : kParts) out.*part = Moved(view.*part, tbs);
    if (CheckSerial(out.serial) || !ReadTime({time_tag, out.not_before_text, {}}, out.not_before) ||
        out.not_after < out.not_before || !pki::IsOnCurve(out.point) ||
        !ReadSignature(signature.content, out.signature))
      return false;
    out.device_eui = Eui64::FromBytes(out.device_eui_octets);
    return true;
  }

  static constexpr ByteSpan CertificateView::*kParts[] = {
      &CertificateView::tbs,
      &CertificateView::serial,
      &CertificateView::issuer,
      &CertificateView::subject,
      &CertificateView::common_name,
      &CertificateView::organisational_unit,
      &CertificateView::subject_key_identifier,
      &CertificateView::authority_key_identifier,
      &CertificateView::policy,
      &CertificateView::point,
      &CertificateView::not_before_text,
      &CertificateView::device_eui_octets,
  };
};

CertificateTemplates::CertificateTemplates() = default;
CertificateTemplates::~CertificateTemplates() = default;

void CertificateTemplates::Learn(const CertificateView& view) {
  if (view.kind != CertificateKind::kDevice || view.der[1] != 0x82 || view.tbs.size() > kMaxSigned) return;
  if (templates_.size() < kMost) {
    templates_.push_back(std::make_unique<Template>());
    last_ = templates_.size() - 1;
  } else {
    *templates_[oldest_] = {};
    last_ = oldest_;
    oldest_ = (oldest_ + 1) % kMost;
  }
  Template& made = *templates_[last_];
  std::copy(view.tbs.begin(), view.tbs.end(), made.octets.begin());
  std::fill_n(made.mask.begin(), view.tbs.size(), uint8_t{0xFF});
  made.view = view;
  made.view.der = {};
  for (ByteSpan CertificateView::*part : Template::kParts) {
    const ByteSpan own = view.*part;
    made.view.*part = own.empty() ? own : ByteSpan(made.octets).subspan(own.data() - view.tbs.data(), own.size());
  }
  made.time_tag = made.view.not_before_text.data()[-2];
  // That a point is 04 || x || y is a matter of IsOnCurve.
  for (const ByteSpan varied : {made.view.serial, made.view.not_before_text, made.view.point,
                                made.view.subject_key_identifier, made.view.device_eui_octets}) {
    if (!varied.empty())
      std::fill_n(made.mask.begin() + (varied.data() - made.octets.data()), varied.size(), uint8_t{0});
  }
}

std::optional<Fault> CertificateTemplates::Read(ByteSpan der, CertificateView& out) {
  for (size_t i = 0; i < templates_.size(); ++i) {
    const size_t tried = (last_ + i) % templates_.size();
    if (!templates_[tried]->Read(der, out)) continue;
    last_ = tried;
    ++matched_;
    return std::nullopt;
  }
  auto fault = ReadCertificate(der, out);
  if (!fault) Learn(out);
  return fault;
}

}  // namespace smki::repository
