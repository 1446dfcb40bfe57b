package main

import (
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// A client whose writes share one lease, for the stacks that leave the lease to their callers.
type leased struct {
	*clientv3.Client
	session *concurrency.Session
}

func newLeased(endpoint string) (*leased, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}})
	return &leased{Client: client}, err
}

// The lease, which is granted at the first write and renewed from then on.
func (l *leased) lease(ttl int64) (clientv3.OpOption, error) {
	if l.session == nil {
		session, err := concurrency.NewSession(l.Client, concurrency.WithTTL(int(ttl)))
		if err != nil {
			return nil, err
		}
		l.session = session
	}
	return clientv3.WithLease(l.session.Lease()), nil
}

// Revokes the lease.
func (l *leased) leave() error {
	session := l.session
	l.session = nil
	return session.Close()
}
