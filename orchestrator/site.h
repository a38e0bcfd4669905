// The orchestrator's site file: where things are, never what they are allowed to do (docs/formats/site-files.md).
// Environment and estate are not in it: they come from the trust policy alone (I8).
#pragma once

#include <string>

#include "base/file.h"
#include "orchestrator/settings.h"
#include "proto/rpc/channel.h"

namespace smki::orchestrator {

struct Site {
  std::string listen;
  rpc::TlsFiles tls;
  std::string policy, revocation_list;
  std::string identity_certificate, identity_key;
  std::string data, evidence, runbooks;
  std::string extracts, store;
  std::string keyguard, estate;
  CampaignSettings campaign;
  DirectionSettings direction;
};

// Relative paths are taken from the file's own folder. Errors "FILE:LINE:COLUMN: expected ...".
StatusOr<Site> ReadSite(FileSystem& files, const std::string& path);

}  // namespace smki::orchestrator
