// The orchestrator's site file: where things are, never what they are allowed to do (docs/formats/site-files.md).
// Environment and estate are not in it: they come from the trust policy alone (I8).
#pragma once

#include <map>
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
  std::string ceremonies;  // results of key ceremonies; empty: none
  std::string extracts, store;
  std::string keyguard, estate;
  CampaignSettings campaign;
  DirectionSettings direction;
  // "FILE:LINE:COLUMN: " of the keys that CheckSite speaks of (`certificate` and `key` are the identity's).
  std::map<std::string, std::string> places;
};

// Relative paths are taken from the file's own folder, and all are absolute afterwards: people in other folders are
// told them. Errors "FILE:LINE:COLUMN: expected ...".
StatusOr<Site> ReadSite(FileSystem& files, const std::string& path);
// What the file names is there and is what it is named for: runbooks, extracts, revocation list, identity. Errors as
// ReadSite's.
Status CheckSite(FileSystem& files, const Site& site);

}  // namespace smki::orchestrator
