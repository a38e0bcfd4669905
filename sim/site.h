// sim.yaml: where the simulated estate listens and keeps its things (docs/formats/estate.md). Paths are relative to the
// file.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "proto/rpc/channel.h"
#include "sim/network/faults.h"

namespace smki::sim {

struct SimSite {
  std::string listen;
  rpc::TlsFiles tls;
  std::string fleet;
  std::string extracts;
  struct AuthorityKey {
    std::string certificate, token, pin;
  };
  struct {
    std::string state, certificate, token, pin;
    std::optional<AuthorityKey> next;  // issues from now on; revocation lists stay the first one's
  } authority;
  std::string pkcs11_module, pkcs11_config;
  std::string broker;  // file of the Access Control Broker's keyAgreement key; empty: none is served
  Faults faults;
};
StatusOr<SimSite> ReadSimSite(const std::string& path);

}  // namespace smki::sim
