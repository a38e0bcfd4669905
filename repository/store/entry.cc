#include "repository/store/entry.h"

#include <algorithm>

namespace smki::repository {
namespace {

constexpr Millis kDay = std::chrono::hours(24);

UtcTime Epoch() {
  static const UtcTime epoch = FromCivil({2000, 1, 1, 0, 0, 0});
  return epoch;
}

// Writes and reads one field after the other.
struct Cursor {
  uint8_t* at;
  void Octets(const uint8_t* octets, size_t size) {
    std::memcpy(at, octets, size);
    at += size;
  }
  void Number(uint64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) *at++ = static_cast<uint8_t>(value >> (8 * i));
  }
};
struct ReadCursor {
  const uint8_t* at;
  void Octets(uint8_t* octets, size_t size) {
    std::memcpy(octets, at, size);
    at += size;
  }
  uint64_t Number(int size) {
    uint64_t out = 0;
    for (int i = 0; i < size; ++i) out = out << 8 | *at++;
    return out;
  }
};

}  // namespace

DayNumber DayOf(const std::string& date) {
  const auto time = ParseDate(date);
  return time ? static_cast<DayNumber>(std::clamp<int64_t>((*time - Epoch()) / kDay, 0, 65535)) : DayNumber{0};
}

std::string DateOf(DayNumber day) {
  return FormatDate(Epoch() + kDay * day);
}

std::array<uint8_t, Entry::kKey> Entry::Key() const {
  std::array<uint8_t, kKey> out;
  std::copy(serial.begin(), serial.end(), out.begin());
  std::copy(issuer.begin(), issuer.end(), out.begin() + serial.size());
  return out;
}

ByteSpan Entry::SerialNumber() const {
  ByteSpan out(serial);
  while (out.size() > 1 && out.front() == 0) out = out.subspan(1);
  return out;
}

void Entry::Encode(uint8_t* out) const {
  Cursor to{out};
  to.Octets(serial.data(), serial.size());
  to.Octets(issuer.data(), issuer.size());
  to.Octets(digest.data(), digest.size());
  to.Number(offset, 6);
  to.Number(size, 2);
  to.Number(eui, 8);
  to.Number(static_cast<uint8_t>(kind), 1);
  to.Number(static_cast<uint8_t>(status), 1);
  to.Number(static_cast<uint8_t>(usage), 1);
  to.Number(role, 1);
  to.Number(manufacturing ? 1 : 0, 1);
  to.Number(lodged, 2);
  to.Number(changed, 2);
}

Entry Entry::Decode(const uint8_t* in) {
  ReadCursor from{in};
  Entry out;
  from.Octets(out.serial.data(), out.serial.size());
  from.Octets(out.issuer.data(), out.issuer.size());
  from.Octets(out.digest.data(), out.digest.size());
  out.offset = from.Number(6);
  out.size = static_cast<uint16_t>(from.Number(2));
  out.eui = from.Number(8);
  out.kind = static_cast<CertificateKind>(from.Number(1));
  out.status = static_cast<CertificateStatus>(from.Number(1));
  out.usage = static_cast<char>(from.Number(1));
  out.role = static_cast<uint8_t>(from.Number(1));
  out.manufacturing = from.Number(1) != 0;
  out.lodged = static_cast<DayNumber>(from.Number(2));
  out.changed = static_cast<DayNumber>(from.Number(2));
  return out;
}

Entry Entry::Of(const CertificateView& view, RecordState state, const std::array<uint8_t, 8>& issuer) {
  Entry out;
  std::copy_backward(view.serial.begin(), view.serial.end(), out.serial.end());
  out.issuer = issuer;
  out.size = static_cast<uint16_t>(view.der.size());
  if (view.kind == CertificateKind::kDevice) out.eui = view.device_eui->value();
  if (view.kind == CertificateKind::kOrganisation) out.eui = view.subject_eui->value();
  out.kind = view.kind;
  out.status = state.status;
  out.usage = UsageOf(view)[0];
  out.role = RoleOf(view).value_or(0);
  out.manufacturing = state.manufacturing;
  return out;
}

std::array<uint8_t, 34> DigestLeaf(CertificateStatus status, bool manufacturing, const Digest& sha256) {
  std::array<uint8_t, 34> out;
  out[0] = static_cast<uint8_t>(status);
  out[1] = manufacturing ? 1 : 0;
  std::copy(sha256.begin(), sha256.end(), out.begin() + 2);
  return out;
}

}  // namespace smki::repository
