// The estate's folder while it is being made. Every file is new; nothing is written over.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "pki/certificate.h"
#include "pki/key.h"

namespace smki::sim {

class EstateFolder {
 public:
  // `path` must not exist, or be empty.
  static StatusOr<EstateFolder> Create(const std::string& path);

  // Absolute, of a name relative to the folder.
  std::string Path(const std::string& name) const { return root_ + "/" + name; }
  Status MakeFolder(const std::string& name) const;
  Status Write(const std::string& name, ByteSpan octets) const;
  Status Write(const std::string& name, std::string_view text) const { return Write(name, AsBytes(text)); }
  // Mode 0600.
  Status WriteSecret(const std::string& name, const Secret& secret) const;
  // `stem`.crt.pem and `stem`.key.pem.
  Status WriteIdentity(const std::string& stem, const pki::Certificate& certificate, const pki::PrivateKey& key) const;

 private:
  explicit EstateFolder(std::string root) : root_(std::move(root)) {}
  std::string root_;
};

}  // namespace smki::sim
