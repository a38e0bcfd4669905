// The keyguard's site file: where things are, never what they are allowed to do. Environment and estate are not in it:
// they come from trust policy and token alone (I8), and no PIN is anywhere (I5).
#pragma once

#include <string>
#include <vector>

#include "base/file.h"
#include "hsm/signer/frames.h"
#include "proto/rpc/channel.h"

namespace smki::hsm {

struct KeyguardSite {
  std::string listen, persons_listen;
  rpc::TlsFiles tls;
  std::string policy;
  std::string identity_certificate, identity_key;
  std::string data;
  std::string signer;       // program; "auto": beside this one
  std::string signer_user;  // whom the signer becomes; empty: it stays who the keyguard is
  std::string module, softhsm_config;
  std::vector<NamedKey> keys;
};

// Relative paths are taken from the file's own folder. Errors "FILE:LINE:COLUMN: expected ...".
StatusOr<KeyguardSite> ReadKeyguardSite(FileSystem& files, const std::string& path);

}  // namespace smki::hsm
