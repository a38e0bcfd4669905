// A person's client.yaml: where the servers are and where this person's certificates and keys lie
// (docs/formats/site-files.md). It holds no secret itself, no PIN either; a key file that others can read is refused.
#pragma once

#include <map>
#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "proto/rpc/channel.h"

namespace smki::cli {

struct KeyPairFiles {
  std::string certificate;  // PEM
  std::string key;          // PEM, mode 0600; of `sign` also "pkcs11:token=...;object=..." (RFC 7512)
};
struct ClientSite {
  std::string file;
  std::string person;
  rpc::TlsFiles tls;
  std::string orchestrator;     // host:port
  std::string keyguard;         // host:port, the persons' listener
  std::string policy;           // the trust policy this person relies on
  std::string revocation_list;  // of the persons' authority; persons.crl beside the policy if the site file has none
  KeyPairFiles sign;
  std::string pkcs11_module;                  // the library of the token that holds the signing key; else empty
  KeyPairFiles agree;                         // empty if the person has none
  std::map<std::string, std::string> shares;  // key -> enveloped share record
};

// Paths in the result are resolved against the site file's folder.
StatusOr<ClientSite> ReadClientSite(const std::string& path);

// A whole file; kResourceExhausted above `limit`. "-" is the standard input.
StatusOr<Bytes> ReadInput(const std::string& path, size_t limit);
// A private key file: refused if group or others can read it.
StatusOr<Secret> ReadKeyFile(const std::string& path);

}  // namespace smki::cli
