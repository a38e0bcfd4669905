// Device Certificates by the million, for measuring only: real DER in the profile of GBCS.md 6.5, really signed, every
// key distinct and on the curve. One certificate of each Issuing DCA and usage is made by pki; the others are copies of
// it with serial, EUI-64, notBefore, public key and key identifier replaced.
//
// What makes it fast makes it unfit for anything else: keys and ECDSA nonces are consecutive multiples of the base
// point. The signatures are valid, and give the Issuing DCA's key away. With the same seed everything is the same.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "pki/certificate.h"

namespace smki::bench {

// An Issuing DCA that issues from `first_day` on for `days` days (days since 1970).
struct DeviceAuthority {
  Bytes scalar;  // 32 octets
  pki::Certificate certificate;
  int64_t first_day = 0;
  int64_t days = 0;
};

struct DeviceOrder {
  Eui64 device;
  bool agreement = false;  // KA; else DS
  size_t authority = 0;
  int64_t not_before = 0;  // seconds since 1970
};
struct DeviceCertificate {
  DeviceOrder order;
  Bytes serial;
  Bytes der;
};

class DeviceMill {
 public:
  static StatusOr<std::unique_ptr<DeviceMill>> Create(std::vector<DeviceAuthority> authorities, Random& random);
  virtual ~DeviceMill() = default;
  // In the order given. Keys, nonces and serials follow from `seed`, which must never be used twice. Any thread.
  virtual std::vector<DeviceCertificate> Make(const std::vector<DeviceOrder>& orders, uint64_t seed) const = 0;
};

}  // namespace smki::bench
