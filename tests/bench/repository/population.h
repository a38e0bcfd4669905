// Who is in an extract made for measuring: two hierarchies, organisations, and Devices of sixteen manufacturers, aged
// up to ten years. Everything but the ECDSA nonces of authorities, organisations and revocation lists follows from the
// seed.
#pragma once

#include <string>
#include <vector>

#include "repository/record.h"
#include "tests/bench/repository/device_mill.h"

namespace smki::bench {

inline constexpr uint64_t kDevicesPerBlock = 2048;

// A seed of its own for each purpose and number.
uint64_t SeedOf(uint64_t seed, std::string_view purpose, uint64_t number);

struct Population {
  uint64_t seed = 0;
  uint64_t certificates = 0;  // of Devices, in the FULL
  int64_t day = 0;            // of the FULL, since 1970
  pki::Certificate root_oca, issuing_oca, root_dca;
  std::vector<DeviceAuthority> issuing_dca;
  std::vector<pki::Certificate> organisations;
  Bytes root_oca_scalar, issuing_oca_scalar;

  static StatusOr<Population> Make(uint64_t seed, uint64_t certificates, int64_t day, uint64_t organisations);

  uint64_t devices() const { return (certificates + 1) / 2; }
  uint64_t blocks() const { return (devices() + kDevicesPerBlock - 1) / kDevicesPerBlock; }
  // The certificates of one block of the FULL, by EUI-64 ascending, of each Device DS then KA.
  std::vector<DeviceOrder> Block(uint64_t block) const;
  // A certificate issued on `day` by the newest authority, to a Device of the FULL or to a new one.
  DeviceOrder Issued(Eui64 device, bool agreement, int64_t on_day) const;
  // The `number`-th Device that the FULL does not know yet.
  Eui64 NewDevice(uint64_t number) const;

 private:
  Eui64 DeviceAt(uint64_t index) const;
};

// The lists as the drill's authority names them (sim/authority/authority.h): one organisation certificate revoked, and
// an ARL without entries.
struct RevocationLists {
  Bytes crl, arl;
};
StatusOr<RevocationLists> MakeLists(const Population& population, const pki::Certificate& revoked, int64_t day);

}  // namespace smki::bench
