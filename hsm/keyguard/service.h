// The keyguard's two gRPC services: thin shells around KeyguardCalls and PersonsCalls. Callbacks run on gRPC's threads
// and the signer's I/O thread; nothing here blocks on the signer.
#pragma once

#include <grpcpp/impl/service_type.h>

#include <memory>
#include <set>
#include <string>

#include "hsm/keyguard/calls.h"
#include "hsm/keyguard/countersigner.h"
#include "hsm/keyguard/signer_process.h"

namespace smki::hsm {

// Both outlive the server they are registered with; `signer` and `countersigner` outlive them.
std::unique_ptr<grpc::Service> MakeKeyguardService(SignerProcess& signer, Countersigner& countersigner,
                                                   std::string journal_path,
                                                   size_t max_upload_octets = kMaxUploadOctets);
// `persons`: ids of the trust policy, who alone may call.
std::unique_ptr<grpc::Service> MakePersonsService(SignerProcess& signer, std::set<std::string> persons);

}  // namespace smki::hsm
