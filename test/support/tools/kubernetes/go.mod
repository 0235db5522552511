module leasehold.dev/test/tools/kubernetes

go 1.25.0
